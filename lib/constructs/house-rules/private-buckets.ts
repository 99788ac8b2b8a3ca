/** Buckets: private, over TLS only, with versions for the recovery of overwritten objects. */
import { Duration, type RemovalPolicy } from 'aws-cdk-lib';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as s3 from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { acknowledge } from './acknowledge';

/** Props of a construct that has a bucket of its own. */
export interface BucketProps {
  /**
   * The bucket, in the same region, to which S3 logs the access to the bucket of the construct.
   *
   * @default - that access is not logged
   */
  readonly serverAccessLogsBucket?: s3.IBucket;

  /**
   * What happens to the bucket when it leaves the stack. With DESTROY, the bucket must be empty.
   *
   * @default RemovalPolicy.RETAIN
   */
  readonly removalPolicy?: RemovalPolicy;
}

/** Props of `privateBucket`. */
export interface PrivateBucketProps {
  /** The key of the bucket. If undefined, S3 encrypts with a key of its own. */
  readonly encryptionKey: kms.IKey | undefined;
  /**
   * The bucket that receives access logs, under the id of the construct that owns this bucket. If
   * undefined, access is not logged.
   */
  readonly serverAccessLogsBucket: s3.IBucket | undefined;
  readonly removalPolicy: RemovalPolicy;
  /**
   * When current objects move or expire.
   *
   * @default - current objects stay
   */
  readonly lifecycle?: Pick<s3.LifecycleRule, 'expiration' | 'transitions'>;
  /** The reasons of the acknowledgements: why the content needs no further protection. */
  readonly reasons: {
    readonly notReplicated: string;
    /** Used without `encryptionKey`. */
    readonly noKey: string;
    /** Used without `serverAccessLogsBucket`. */
    readonly notLogged: string;
  };
}

/** How long an overwritten or deleted version can be recovered. */
const OVERWRITTEN_KEPT_DAYS = 30;

/** A bucket that meets the rule packs, except for the acknowledged findings. */
export function privateBucket(scope: Construct, id: string, props: PrivateBucketProps): s3.Bucket {
  const { encryptionKey, serverAccessLogsBucket, reasons } = props;
  const bucket = new s3.Bucket(scope, id, {
    encryption: encryptionKey ? s3.BucketEncryption.KMS : s3.BucketEncryption.S3_MANAGED,
    encryptionKey,
    bucketKeyEnabled: encryptionKey ? true : undefined,
    blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
    objectOwnership: s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
    enforceSSL: true,
    minimumTLSVersion: 1.2,
    versioned: true,
    serverAccessLogsBucket,
    serverAccessLogsPrefix: serverAccessLogsBucket ? `${scope.node.id}/` : undefined,
    removalPolicy: props.removalPolicy,
    lifecycleRules: [
      {
        expiration: props.lifecycle?.expiration,
        transitions: props.lifecycle?.transitions,
        noncurrentVersionExpiration: Duration.days(OVERWRITTEN_KEPT_DAYS),
        abortIncompleteMultipartUploadAfter: Duration.days(7),
      },
    ],
  });
  acknowledge(
    bucket,
    reasons.notReplicated,
    'NIST.800.53.R5-S3BucketReplicationEnabled',
    'PCI.DSS.321-S3BucketReplicationEnabled',
  );
  if (encryptionKey === undefined) {
    acknowledge(
      bucket,
      reasons.noKey,
      'NIST.800.53.R5-S3DefaultEncryptionKMS',
      'PCI.DSS.321-S3DefaultEncryptionKMS',
    );
  }
  if (serverAccessLogsBucket === undefined) {
    acknowledge(
      bucket,
      reasons.notLogged,
      'AwsSolutions-S1',
      'NIST.800.53.R5-S3BucketLoggingEnabled',
      'PCI.DSS.321-S3BucketLoggingEnabled',
    );
  }
  return bucket;
}
