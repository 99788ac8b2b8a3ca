import { describeStacksOf } from './stack-snapshots';

describeStacksOf('eu-west-1');
