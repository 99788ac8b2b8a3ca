import { Token } from 'aws-cdk-lib';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { CLOUDFRONT_REGION } from '../../../model/aws';
import { invalidValue } from '../../../model/errors';
import { type LoggedProps, loggedGroup } from '../../house-rules';

/**
 * Properties of {@link EdgeLogGroups}. The names of the log groups are fixed: a retained group must
 * be imported or deleted before its stack can be created again.
 */
export interface EdgeLogGroupsProps extends Omit<LoggedProps, 'logRetention'> {
  /**
   * The `functionName` of each edge function. The names must be explicit, because other regions do
   * not know the names that CloudFormation generates.
   */
  readonly functionNames: readonly string[];
  /**
   * How long the logs are kept.
   *
   * @default logs.RetentionDays.THREE_MONTHS
   */
  readonly retention?: logs.RetentionDays;
}

/** "FunctionName", Lambda API reference: CreateFunction. */
const FUNCTION_NAME = /^[a-zA-Z0-9-_]{1,64}$/;

/**
 * The log groups of Lambda@Edge functions in the region of the stack, kept for three months by
 * default.
 *
 * An edge function writes to `/aws/lambda/us-east-1.<name>` in the region nearest to the viewer. A
 * group that the function creates itself never expires. Therefore use this construct in each region
 * that may serve, before the distribution uses the function. A group that already exists stops the
 * deployment: import (`cdk import`) or delete it first.
 *
 * @throws IsochroneError if there is no name, or a name is given twice or is not a function name
 */
export class EdgeLogGroups extends Construct {
  /** In the order of `functionNames`. */
  public readonly logGroups: readonly logs.ILogGroup[];

  constructor(scope: Construct, id: string, props: EdgeLogGroupsProps) {
    super(scope, id);
    this.checkNames(props.functionNames);
    this.logGroups = props.functionNames.map((name, i) =>
      loggedGroup(this, Token.isUnresolved(name) ? `LogGroup${i}` : name, {
        ...props,
        logGroupName: edgeLogGroupName(name),
        logRetention: props.retention,
        defaultRetention: logs.RetentionDays.THREE_MONTHS,
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
        fix:
          'Give the `functionName` of the edge function, without ' +
          `\`${CLOUDFRONT_REGION}.\` in front.`,
      });
    });
  }
}

/** The name of the log group of an edge function, the same in every region. */
export function edgeLogGroupName(functionName: string): string {
  return `/aws/lambda/${CLOUDFRONT_REGION}.${functionName}`;
}
