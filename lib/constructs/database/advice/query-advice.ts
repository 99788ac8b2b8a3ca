import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import { Construct } from 'constructs';
import type { Rule } from '../../../model/rules';
import { checkDuration } from '../../house-rules';
import {
  DatabaseFunction,
  type DatabaseFunctionSettings,
  type DatabaseLogin,
} from '../database-function';
import { checkIdentifier } from '../primary';

/** A run takes seconds, because each query may take at most 5 s. A busy database takes longer. */
const TIMEOUT = Duration.minutes(5);

const INTERVAL: Rule<number> = {
  allows: (minutes) => minutes >= TIMEOUT.toMinutes(),
  allowed: `at least ${TIMEOUT.toHumanString()}`,
  rule: 'A run may take that long, and only one runs at a time.',
  fix: 'Leave it out for every hour: a slow query stays slow for longer.',
};

export interface QueryAdviceProps extends DatabaseFunctionSettings {
  /**
   * The database and the role. The role needs `rds_iam`, `pg_read_all_stats`, USAGE of the schemas
   * that statements name, and SELECT on their tables: PostgreSQL plans a statement only for a role
   * that could run it.
   */
  readonly login: DatabaseLogin;
  /** The instance's identifier, as text: the dimension of the metrics. */
  readonly instanceIdentifier: string;
  /**
   * The time between two runs, at least 5 minutes.
   *
   * @default Duration.hours(1)
   */
  readonly interval?: Duration;
  /**
   * The mean time from which a statement counts as slow.
   *
   * @default Duration.millis(100)
   */
  readonly slowStatement?: Duration;
  /**
   * Whether the log has the text of slow statements beside their ids. pg_stat_statements removes
   * the constants. Names and comments stay, and may contain personal data if applications write it
   * there.
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

/** The metrics of each run. */
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
 * A function in the network of a database that analyzes it on a schedule. It finds slow statements,
 * indexes that would help, indexes that are unused, duplicate or invalid, and tables that vacuum
 * has neglected. It runs none of the application's statements and writes nothing into the database.
 *
 * It logs one JSON line for each finding, and counts the findings in metrics. It needs
 * `pg_stat_statements`, which our parameter groups load, and `hypopg` for missing indexes; run
 * `CREATE EXTENSION` for both. If one is missing, the log says so, and the other findings remain.
 *
 * @throws IsochroneError for an interval below 5 minutes or an identifier that RDS does not accept
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
    checkDuration(this, 'interval', INTERVAL, interval, 'minutes');
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
      // The next run makes up for one that failed.
      targets: [new targets.LambdaFunction(this.function.function, { retryAttempts: 0 })],
    });
  }

  /**
   * The number of findings of the last run; for `SlowestMean`, milliseconds. A failed run counts
   * only as one of `FailedLooks`.
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
