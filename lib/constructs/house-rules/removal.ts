/** What happens to resources that leave their stack. */
import { RemovalPolicy } from 'aws-cdk-lib';

/** Props of a construct whose resources may stay when they leave the stack. */
export interface RemovableProps {
  /**
   * What happens to the resources of the construct when they leave the stack.
   *
   * @default RemovalPolicy.RETAIN
   */
  readonly removalPolicy?: RemovalPolicy;
}

/** Props of a construct that a service can refuse to delete. */
export interface ProtectedProps extends RemovableProps {
  /**
   * Whether the service refuses to delete the resources of the construct.
   *
   * @default - true, unless `removalPolicy` is DESTROY
   */
  readonly deletionProtection?: boolean;
}

export function isProtected(props: ProtectedProps): boolean {
  return props.deletionProtection ?? props.removalPolicy !== RemovalPolicy.DESTROY;
}

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
