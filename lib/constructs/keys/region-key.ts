import { RemovalPolicy, Stack, Token } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as kms from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import { invalidValue } from '../../model/errors';
import { letLogsUse, rotatedKey, withFixedName } from '../house-rules';

/** Properties of a {@link RegionKey}. */
export interface RegionKeyProps {
  /**
   * The name of the key in its region, without `alias/`: letters, digits, `/`, `_` and `-`, at most
   * 250.
   *
   * The name is explicit, because other regions use it when they replicate a secret to this region.
   */
  readonly aliasName: string;
  /**
   * What happens to the key when it leaves the stack. Data that a lost key encrypted is lost, too.
   *
   * The alias follows the same policy, except that an alias is always removed if its creation
   * fails: otherwise its name would be taken at the next attempt.
   *
   * @default RemovalPolicy.RETAIN
   */
  readonly removalPolicy?: RemovalPolicy;
}

/** "CreateAlias", AWS KMS API reference: 256 characters with `alias/`. */
const ALIAS_NAME = /^(?!aws\/|alias\/)[a-zA-Z0-9/_-]{1,250}$/;

/**
 * The customer-managed KMS key of one region, for log groups, alarm topics and the region's
 * replicas of secrets; databases and caches have keys of their own. AWS rotates it every year.
 *
 * The key policy allows this account's IAM policies to grant access, in its usual first statement.
 * It also allows two services, for this account only: CloudWatch Logs for the region's log groups,
 * and CloudWatch for alarms to encrypted topics. Secrets Manager needs no statement, because it
 * calls KMS as the principal that reads or writes the secret: the IAM policy of that principal
 * decides.
 *
 * @throws IsochroneError if KMS would refuse the alias name
 */
export class RegionKey extends Construct {
  /** The key. */
  public readonly key: kms.Key;
  /** The alias with its `alias/`, by which another region names the key of a replica. */
  public readonly aliasName: string;

  constructor(scope: Construct, id: string, props: RegionKeyProps) {
    super(scope, id);
    const { aliasName } = props;
    if (!Token.isUnresolved(aliasName) && !ALIAS_NAME.test(aliasName)) {
      throw invalidValue(this, {
        property: 'aliasName',
        value: aliasName,
        allowed:
          '1 to 250 letters, digits, `/`, `_` and `-`, not beginning with `aws/` or `alias/`',
        rule: 'KMS reserves `alias/aws/` for keys of AWS, and CDK adds the first `alias/`.',
        fix: 'Choose another name, such as `market/production`.',
      });
    }
    const removalPolicy = props.removalPolicy ?? RemovalPolicy.RETAIN;
    this.key = rotatedKey(
      this,
      `Log groups, alarm topics and secret replicas of one region (${aliasName})`,
      removalPolicy,
    );
    letLogsUse(this, this.key);
    this.key.addToResourcePolicy(alarmsOfThisAccount(Stack.of(this)));
    this.aliasName = `alias/${aliasName}`;
    new kms.Alias(this, 'Alias', {
      aliasName: this.aliasName,
      targetKey: this.key,
      removalPolicy: withFixedName(removalPolicy),
    });
  }
}

/**
 * Lets CloudWatch publish to encrypted topics. The publishing service needs the key, not SNS:
 * "Encrypting an Amazon SNS topic: event sources", Amazon SNS developer guide.
 */
function alarmsOfThisAccount(stack: Stack): iam.PolicyStatement {
  return new iam.PolicyStatement({
    principals: [new iam.ServicePrincipal('cloudwatch.amazonaws.com')],
    actions: ['kms:Decrypt', 'kms:GenerateDataKey*'],
    resources: ['*'],
    conditions: { StringEquals: { 'aws:SourceAccount': stack.account } },
  });
}
