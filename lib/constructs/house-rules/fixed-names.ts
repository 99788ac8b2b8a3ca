/** The removal of resources with a fixed name. */
import { RemovalPolicy } from 'aws-cdk-lib';

/**
 * The removal policy of a resource with a fixed name. RETAIN keeps it when it leaves the stack, but
 * not when the deployment that creates it fails. An empty resource left behind by a failed
 * deployment would occupy the name and make the next attempt fail.
 */
export function withFixedName(removalPolicy: RemovalPolicy): RemovalPolicy {
  return removalPolicy === RemovalPolicy.RETAIN
    ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
    : removalPolicy;
}
