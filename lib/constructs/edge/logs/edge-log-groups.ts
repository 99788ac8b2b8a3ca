import { RemovalPolicy, Token } from 'aws-cdk-lib';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { CLOUDFRONT_REGION } from '../../../model/aws';
import { invalidValue } from '../../../model/errors';
import { keptLogGroup } from '../../house-rules';

/** Properties of {@link EdgeLogGroups}. */
export interface EdgeLogGroupsProps {
  /**
   * The `functionName` of each edge function: explicit names, because those that CloudFormation
   * makes are not known in other regions.
   */
  readonly functionNames: readonly string[];
  /**
   * How long the logs are kept.
   *
   * @default logs.RetentionDays.THREE_MONTHS
   */
  readonly retention?: logs.RetentionDays;
  /**
   * Encrypts the log groups: a key of the stack's region. A key of this app gets the statement that
   * CloudWatch Logs needs; an imported one must have it.
   *
   * @default - CloudWatch Logs encrypts with a key of its own
   */
  readonly logEncryptionKey?: kms.IKey;
  /**
   * What happens to the log groups when they leave the stack. Their names are fixed: what is
   * retained must be imported, or deleted, before they can be made again.
   *
   * @default RemovalPolicy.RETAIN
   */
  readonly removalPolicy?: RemovalPolicy;
}

/** "FunctionName", Lambda API reference: CreateFunction. */
const FUNCTION_NAME = /^[a-zA-Z0-9-_]{1,64}$/;

/**
 * The log groups of Lambda@Edge functions in the region of the stack, with a retention.
 *
 * An edge function writes to `/aws/lambda/us-east-1.<name>` in the region nearest to the viewer. A
 * group that it has to make itself never expires. So use this once in each region that may serve,
 * and before the distribution uses the function: a group that exists already stops the deployment,
 * and has to be imported (`cdk import`) or deleted first.
 *
 * @throws IsochroneError if no name is given, one is given twice, or one is not a name of a
 * function
 */
export class EdgeLogGroups extends Construct {
  /** In the order of `functionNames`. */
  public readonly logGroups: readonly logs.ILogGroup[];

  constructor(scope: Construct, id: string, props: EdgeLogGroupsProps) {
    super(scope, id);
    this.checkNames(props.functionNames);
    this.logGroups = props.functionNames.map((name, i) =>
      keptLogGroup(this, Token.isUnresolved(name) ? `LogGroup${i}` : name, {
        logGroupName: edgeLogGroupName(name),
        retention: props.retention ?? logs.RetentionDays.THREE_MONTHS,
        encryptionKey: props.logEncryptionKey,
        removalPolicy: props.removalPolicy ?? RemovalPolicy.RETAIN,
      }),
    );
  }

  private checkNames(names: readonly string[]): void {
    if (names.length === 0) {
      throw invalidValue(this, {
        property: 'functionNames',
        value: names,
        allowed: 'at least one name',
        rule: 'Each log group belongs to a function.',
        fix: 'Name the edge functions, or leave the construct out.',
      });
    }
    names.forEach((name, i) => {
      if (Token.isUnresolved(name) || (FUNCTION_NAME.test(name) && names.indexOf(name) === i))
        return;
      throw invalidValue(this, {
        property: `functionNames[${i}]`,
        value: name,
        allowed: '1 to 64 letters, digits, `-` and `_`, named once',
        rule: 'Lambda@Edge derives the log group from the name of the function, not from its ARN.',
        fix: `Give what \`functionName\` of the edge function says, without \`${CLOUDFRONT_REGION}.\` in front.`,
      });
    });
  }
}

/** The name of the log group of an edge function, the same in every region. */
export function edgeLogGroupName(functionName: string): string {
  return `/aws/lambda/${CLOUDFRONT_REGION}.${functionName}`;
}
