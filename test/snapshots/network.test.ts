import { describeStack } from './stack-snapshots';

describeStack('Network');
