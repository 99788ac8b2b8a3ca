export {
  acknowledge,
  acknowledgeDefaultPolicy,
  acknowledgeInlinePolicies,
  wildcardFinding,
} from './acknowledge';
export { checkDuration, checkKnown, checkRule } from './check';
export { handlerDirectory } from './handlers';
export { allowSessions, fleetTemplate } from './instances';
export { type EncryptedProps, rotatedKey } from './keys';
export { type LoggedProps, letLogsUse, loggedGroup } from './log-groups';
export { type BucketProps, privateBucket } from './private-buckets';
export { isProtected, type ProtectedProps, type RemovableProps, withFixedName } from './removal';
export { acknowledgeNoRotation, copySecret, ONE_COPY_PER_REGION } from './secrets';
export { type IsolatedProps, isolatedSubnets } from './subnets';
