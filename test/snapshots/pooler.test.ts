import { describeStack } from './stack-snapshots';

describeStack('Pooler');
