import { describeStack } from './stack-snapshots';

describeStack('Cache');
