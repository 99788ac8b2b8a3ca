/** Ground floor: what becomes of a resource with a name of its own when its stack fails or goes. */
import { RemovalPolicy } from 'aws-cdk-lib';

/**
 * The policy for a resource whose name is fixed: RETAIN keeps it when it leaves the stack, but not
 * when the deployment that creates it fails. Left behind then, it would be empty and in the way:
 * its name is taken at the next attempt.
 */
export function withFixedName(removalPolicy: RemovalPolicy): RemovalPolicy {
  return removalPolicy === RemovalPolicy.RETAIN
    ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
    : removalPolicy;
}
