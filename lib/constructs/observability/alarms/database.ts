import { Duration, type Size } from 'aws-cdk-lib';
import { ComparisonOperator, MathExpression, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import type * as rds from 'aws-cdk-lib/aws-rds';
import type { CustomMetricGroup, CustomMonitoringProps } from 'cdk-monitoring-constructs';
import type { Objectives } from '../objectives';
import { alarmed, cpuAlarm } from './alarmed-metric';

/** Thresholds of a database's alarms that are not objectives. */
export interface DatabaseBounds {
  readonly maxConnections: number;
  readonly minimumFreeStorage: Size;
}

/** The share of `max_connections` at which the alarm rings, in percent. */
const CONNECTIONS_PERCENT = 80;

/**
 * The lag is the age of the last replayed transaction. It therefore also grows on the replica of an
 * idle primary, until RDS switches the WAL segment after 5 minutes ("Monitoring read replication",
 * Amazon RDS user guide).
 */
const LAG_OF_AN_IDLE_PRIMARY = Duration.minutes(5);

/** CPU, connections and storage of one instance. */
export function databaseMonitoring(
  instance: rds.IDatabaseInstance,
  name: string,
  objectives: Required<Objectives>,
  bounds: DatabaseBounds,
): CustomMonitoringProps {
  const period = Duration.minutes(5);
  return {
    humanReadableName: `Database: ${name}`,
    alarmFriendlyName: name,
    metricGroups: [
      {
        title: 'CPU, percent',
        metrics: [
          cpuAlarm(
            instance.metricCPUUtilization({ period, label: 'CPU' }),
            objectives,
            `CPU of the database instance ${name} has been over its objective for 15 ` +
              'minutes. First sort pg_stat_statements by total time; then move reads to a ' +
              'replica, or take a larger instance class.',
          ),
        ],
      },
      {
        title: 'Connections',
        metrics: [
          alarmed({
            name: 'Connections',
            severity: 'Critical',
            metric: instance.metricDatabaseConnections({
              period: Duration.minutes(1),
              statistic: 'Maximum',
              label: 'Connections',
            }),
            comparison: ComparisonOperator.GREATER_THAN_THRESHOLD,
            threshold: Math.floor((bounds.maxConnections * CONNECTIONS_PERCENT) / 100),
            periods: 5,
            missing: TreatMissingData.MISSING,
            description:
              `The database instance ${name} has had over ${CONNECTIONS_PERCENT} % of its ` +
              'connections in use for 5 minutes; at 100 % it refuses clients. First look in ' +
              'pg_stat_activity for "idle in transaction", then whether a fleet bypasses the ' +
              'pooler or has grown.',
          }),
        ],
      },
      {
        title: 'Free storage, bytes',
        metrics: [
          alarmed({
            name: 'FreeStorage',
            severity: 'Critical',
            metric: instance.metricFreeStorageSpace({
              period,
              statistic: 'Minimum',
              label: 'Free storage',
            }),
            comparison: ComparisonOperator.LESS_THAN_THRESHOLD,
            threshold: bounds.minimumFreeStorage.toBytes(),
            periods: 2,
            missing: TreatMissingData.MISSING,
            description:
              `The database instance ${name} is short of storage; full, it stops. First look ` +
              'at TransactionLogsDiskUsage and at replication slots that nobody reads, then ' +
              'enlarge the storage (possible once in 6 hours).',
          }),
        ],
      },
    ],
  };
}

/**
 * How far a replica is behind. There are two alarms, because the lag of an idle primary's replica
 * has no meaning for up to 5 minutes:
 *
 * - `Lag`, at the objective, applies only while data is being written. An alarm sees one region: it
 *   uses the writes of the primary if the primary is in the same region, and otherwise the writes
 *   of the replica itself.
 * - `LagBeyondIdle`, at the objective plus 5 minutes, has no condition. It covers a replica in
 *   another region that no longer receives anything, and therefore writes nothing either.
 */
export function replicaLagGroup(
  replica: rds.IDatabaseInstance,
  name: string,
  objectives: Required<Objectives>,
  primary: rds.IDatabaseInstance | undefined,
  busyWrites: Size,
): CustomMetricGroup {
  const period = Duration.minutes(1);
  const lag = replica.metric('ReplicaLag', { period, statistic: 'Maximum', label: 'Lag' });
  const writes = (primary ?? replica).metric('WriteThroughput', {
    period,
    statistic: 'Average',
    label: 'Bytes written per second',
  });
  const seconds = objectives.replicaLag.toMilliseconds() / 1000;
  return {
    title: 'Lag, seconds',
    metrics: [
      alarmed({
        name: 'Lag',
        severity: 'Warning',
        metric: new MathExpression({
          label: 'Lag while data is written',
          period,
          expression: `IF(writes > ${busyWrites.toBytes()}, lag, 0)`,
          usingMetrics: { lag, writes },
        }),
        comparison: ComparisonOperator.GREATER_THAN_THRESHOLD,
        threshold: seconds,
        // In a row: the single segment that an idle primary writes every 5 minutes meets the
        // condition for too short a time.
        periods: 5,
        // LagBeyondIdle covers missing data.
        missing: TreatMissingData.NOT_BREACHING,
        description:
          `${name} has been behind its source for longer than the objective while data is ` +
          'written. First look for a long query on the replica that holds back replay, then ' +
          'at its CPU and WriteLatency, then at the write rate of the primary.',
      }),
      alarmed({
        name: 'LagBeyondIdle',
        severity: 'Critical',
        metric: lag,
        comparison: ComparisonOperator.GREATER_THAN_THRESHOLD,
        threshold: LAG_OF_AN_IDLE_PRIMARY.toSeconds() + seconds,
        periods: 5,
        // Without the metric, the instance does not replicate or is no longer a replica.
        missing: TreatMissingData.BREACHING,
        description:
          `${name} is further behind than an idle primary explains, or tells no lag at all: ` +
          'replication has stopped, and readers get old data. First read the replication ' +
          'state and error in the RDS console. After a promotion, take the instance out of ' +
          'the replicas.',
      }),
    ],
  };
}
