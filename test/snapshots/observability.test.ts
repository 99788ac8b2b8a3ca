import { describeStack } from './stack-snapshots';

describeStack('Observability');
