/** Log groups: explicit, with a retention, and encrypted with a key if there is one. */
import { ArnFormat, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as logs from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { acknowledge } from './acknowledge';
import { withFixedName } from './removal';

/** Props of a construct that has a log group of its own. */
export interface LoggedProps {
  /**
   * How long the log is kept.
   *
   * @default - a year, or three months where the construct says so
   */
  readonly logRetention?: logs.RetentionDays;

  /**
   * A key of the construct's region for the log. The construct lets CloudWatch Logs use a key of
   * this app; the policy of an imported key must already allow it.
   *
   * @default - CloudWatch Logs encrypts with a key of its own
   */
  readonly logEncryptionKey?: kms.IKey;

  /**
   * What happens to the log group when it leaves the stack. RETAIN keeps the logs, but not the
   * empty group of a deployment that failed.
   *
   * @default RemovalPolicy.RETAIN
   */
  readonly removalPolicy?: RemovalPolicy;
}

/** Props of `loggedGroup`. */
export interface LoggedGroupProps extends LoggedProps {
  /** The retention if `logRetention` is undefined. */
  readonly defaultRetention: logs.RetentionDays;
  /**
   * The name, if a service writes to a group of a fixed name.
   *
   * @default - generated
   */
  readonly logGroupName?: string;
}

/**
 * The log group of a construct, which meets the rule packs. Without a key, it acknowledges that
 * CloudWatch Logs encrypts with a key of its own.
 */
export function loggedGroup(scope: Construct, id: string, props: LoggedGroupProps): logs.LogGroup {
  const { logGroupName, logEncryptionKey: encryptionKey } = props;
  const group = new logs.LogGroup(scope, id, {
    logGroupName,
    retention: props.logRetention ?? props.defaultRetention,
    encryptionKey,
    removalPolicy: withFixedName(props.removalPolicy ?? RemovalPolicy.RETAIN),
  });
  if (encryptionKey !== undefined) {
    letLogsUse(scope, encryptionKey);
  } else {
    acknowledge(
      group,
      'CloudWatch Logs encrypts at rest with a key of its own. Give `logEncryptionKey` for ' +
        'a key of your own.',
      'NIST.800.53.R5-CloudWatchLogGroupEncrypted',
      'PCI.DSS.321-CloudWatchLogGroupEncrypted',
    );
  }
  return group;
}

/**
 * Lets CloudWatch Logs of the stack's region use a key, for log groups of this account only. An
 * imported key is not changed.
 *
 * CloudWatch Logs encrypts with its own principal, which the key's policy must name, and the
 * encryption context is the ARN of the log group: "Encrypt log data in CloudWatch Logs using AWS
 * KMS", Amazon CloudWatch Logs user guide.
 */
export function letLogsUse(scope: Construct, key: kms.IKey): void {
  const stack = Stack.of(scope);
  key.addToResourcePolicy(
    new iam.PolicyStatement({
      principals: [new iam.ServicePrincipal(`logs.${stack.region}.amazonaws.com`)],
      actions: [
        'kms:Encrypt*',
        'kms:Decrypt*',
        'kms:ReEncrypt*',
        'kms:GenerateDataKey*',
        'kms:Describe*',
      ],
      resources: ['*'],
      conditions: {
        ArnLike: {
          'kms:EncryptionContext:aws:logs:arn': stack.formatArn({
            service: 'logs',
            resource: 'log-group',
            resourceName: '*',
            arnFormat: ArnFormat.COLON_RESOURCE_NAME,
          }),
        },
      },
    }),
  );
}
