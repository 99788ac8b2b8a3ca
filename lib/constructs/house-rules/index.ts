export { acknowledge, wildcardFinding } from './acknowledge';
export { checkKnown, checkRule } from './check';
export { withFixedName } from './fixed-names';
export { handlerDirectory } from './handlers';
export { allowSessions, fleetTemplate } from './instances';
export { keptLogGroup, type LoggedProps, letLogsUse, loggedGroup } from './log-groups';
export { privateBucket } from './private-buckets';
