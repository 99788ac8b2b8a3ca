/** Secrets: copied to other regions, and rotated by hand. */
import type * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import { acknowledge } from './acknowledge';

/** The rule behind the checks of `SecretCopy.region`. */
export const ONE_COPY_PER_REGION =
  'Secrets Manager keeps one copy of a secret per region, and the original is in the region of ' +
  'the stack.';

/** A copy of a secret in another region. */
export interface SecretCopy {
  readonly region: string;
  /** The alias or the ARN of the key in that region. */
  readonly encryptionKey: string;
}

/**
 * Copies a secret to other regions. The L2 takes a key construct, which would be of this region. A
 * key of another region has only a name here.
 */
export function copySecret(secret: secretsmanager.Secret, copies: readonly SecretCopy[]): void {
  if (copies.length === 0) return;
  cfnSecret(secret).replicaRegions = copies.map(({ region, encryptionKey }) => ({
    region,
    kmsKeyId: encryptionKey,
  }));
}

/** Acknowledges that a secret is not rotated automatically. */
export function acknowledgeNoRotation(secret: secretsmanager.Secret, reason: string): void {
  acknowledge(
    cfnSecret(secret),
    reason,
    'AwsSolutions-SMG4',
    'NIST.800.53.R5-SecretsManagerRotationEnabled',
  );
}

function cfnSecret(secret: secretsmanager.Secret): secretsmanager.CfnSecret {
  return secret.node.defaultChild as secretsmanager.CfnSecret;
}
