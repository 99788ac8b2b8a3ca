/** Keys: given, or created with the construct and rotated every year. */
import type { RemovalPolicy } from 'aws-cdk-lib';
import * as kms from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';

/** Props of a construct that encrypts its data at rest. */
export interface EncryptedProps {
  /**
   * The key, of the region of the construct, for its data and snapshots. Another key *replaces* the
   * resource that holds the data.
   *
   * @default - a key of its own, rotated every year
   */
  readonly encryptionKey?: kms.IKey;
}

/** A key of a construct's own. */
export function rotatedKey(
  scope: Construct,
  description: string,
  removalPolicy: RemovalPolicy,
): kms.Key {
  return new kms.Key(scope, 'Key', { description, enableKeyRotation: true, removalPolicy });
}
