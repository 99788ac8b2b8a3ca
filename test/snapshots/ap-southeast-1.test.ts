import { describeStacksOf } from './stack-snapshots';

describeStacksOf('ap-southeast-1');
