import { describeStack } from './stack-snapshots';

describeStack('Edge', { functions: true });
