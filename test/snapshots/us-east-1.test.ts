import { describeStacksOf } from './stack-snapshots';

describeStacksOf('us-east-1');
