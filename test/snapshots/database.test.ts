import { describeStack } from './stack-snapshots';

describeStack('Database');
