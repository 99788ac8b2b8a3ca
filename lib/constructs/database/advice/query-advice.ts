import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import { Construct } from 'constructs';
import { invalidValue } from '../../../model/errors';
import {
  DatabaseFunction,
  type DatabaseFunctionSettings,
  type DatabaseLogin,
} from '../database-function';
import { checkIdentifier } from '../primary';

/**
 * Reading takes seconds, since each query may take 5 s at most; a database that is busy may take
 * its time.
 */
const TIMEOUT = Duration.minutes(5);

export interface QueryAdviceProps extends DatabaseFunctionSettings {
  /**
   * The database and the role. The role needs `rds_iam`, `pg_read_all_stats`, USAGE of the schemas
   * that statements name, and SELECT on their tables: PostgreSQL plans no statement for a role that
   * could not run it.
   */
  readonly login: DatabaseLogin;
  /** The instance's identifier, as text: the dimension of the metrics. */
  readonly instanceIdentifier: string;
  /**
   * How often it looks; 5 minutes at least.
   *
   * @default Duration.hours(1)
   */
  readonly interval?: Duration;
  /**
   * The mean time from which a statement is slow.
   *
   * @default Duration.millis(100)
   */
  readonly slowStatement?: Duration;
  /**
   * Whether slow statements stand in the log beside their ids. pg_stat_statements takes the
   * constants out of them; names and comments stay as they were written, and may be personal data
   * where applications write such things into them.
   *
   * @default true
   */
  readonly logStatements?: boolean;
  /**
   * The namespace of the metrics.
   *
   * @default 'Isochrone/Database'
   */
  readonly metricNamespace?: string;
}

/** What is counted at every look. */
export type QueryAdviceMetric =
  | 'SlowStatements'
  | 'MissingIndexes'
  | 'UnusedIndexes'
  | 'DuplicateIndexes'
  | 'InvalidIndexes'
  | 'TablesWithoutVacuum'
  | 'SlowestMean'
  | 'FailedLooks';

/**
 * A function in the network of a database that looks at it every so often: which statements are
 * slow, which index would help, what is unused, invalid or not cleaned. It runs no statement of
 * yours and writes nothing into the database.
 *
 * One JSON line for each finding in its log, and metrics of how many there are. It wants
 * `pg_stat_statements`, which our parameter groups load, and `hypopg` for indexes: `CREATE
 * EXTENSION` for both. Without one of them it says so and goes on.
 *
 * @throws IsochroneError for an interval below 5 minutes or an identifier that RDS does not take
 */
export class QueryAdvice extends Construct {
  public readonly function: DatabaseFunction;
  public readonly rule: events.Rule;
  private readonly namespace: string;
  private readonly instanceIdentifier: string;
  private readonly interval: Duration;

  constructor(scope: Construct, id: string, props: QueryAdviceProps) {
    super(scope, id);
    const interval = props.interval ?? Duration.hours(1);
    const slowStatement = props.slowStatement ?? Duration.millis(100);
    checkIdentifier(this, 'instanceIdentifier', props.instanceIdentifier);
    if (!interval.isUnresolved() && interval.toMinutes({ integral: false }) < TIMEOUT.toMinutes()) {
      throw invalidValue(this, {
        property: 'interval',
        value: interval.toHumanString(),
        allowed: `at least ${TIMEOUT.toHumanString()}`,
        rule: 'One look may take that long, and only one runs at a time.',
        fix: 'Leave it out for every hour: what is slow is so for longer.',
      });
    }
    this.namespace = props.metricNamespace ?? 'Isochrone/Database';
    this.instanceIdentifier = props.instanceIdentifier;
    this.interval = interval;
    this.function = new DatabaseFunction(this, 'Advisor', {
      vpc: props.vpc,
      vpcSubnets: props.vpcSubnets,
      logRetention: props.logRetention,
      logEncryptionKey: props.logEncryptionKey,
      removalPolicy: props.removalPolicy,
      login: props.login,
      handler: 'query-advice',
      description: `Advises on the queries of ${props.instanceIdentifier}`,
      timeout: TIMEOUT,
      environment: {
        INSTANCE: props.instanceIdentifier,
        NAMESPACE: this.namespace,
        SLOW_MILLISECONDS: String(slowStatement.toMilliseconds()),
        LOG_STATEMENTS: String(props.logStatements ?? true),
      },
    });
    this.rule = new events.Rule(this, 'Schedule', {
      description: `Looks at the queries of ${props.instanceIdentifier}`,
      schedule: events.Schedule.rate(interval),
      // A look that failed is made up for by the next one.
      targets: [new targets.LambdaFunction(this.function.function, { retryAttempts: 0 })],
    });
  }

  /**
   * How many there were at the last look; of `SlowestMean`, the milliseconds. A look that failed
   * counts as one of `FailedLooks`, and as nothing else.
   */
  public metric(name: QueryAdviceMetric): cloudwatch.Metric {
    return new cloudwatch.Metric({
      namespace: this.namespace,
      metricName: name,
      dimensionsMap: { DBInstanceIdentifier: this.instanceIdentifier },
      statistic: cloudwatch.Stats.MAXIMUM,
      period: this.interval,
    });
  }
}
