import { describeStack } from './stack-snapshots';

describeStack('Keys');
