import { describeStack } from './stack-snapshots';

describeStack('Service', { functions: true });
