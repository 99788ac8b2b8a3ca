export { acknowledge, wildcardFinding } from './acknowledge';
export { withFixedName } from './fixed-names';
export { handlerDirectory } from './handlers';
export { allowSessions, fleetTemplate } from './instances';
export { keptLogGroup, letLogsUse } from './log-groups';
export { privateBucket } from './private-buckets';
