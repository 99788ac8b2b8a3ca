import { describeStack } from './stack-snapshots';

describeStack('Promotion');
