import { Duration } from 'aws-cdk-lib';
import {
  ComparisonOperator,
  type Metric,
  Stats,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import type { CustomMonitoringProps } from 'cdk-monitoring-constructs';
import type { IWatchedPooler } from '../interfaces';
import { alarmed, targetHealthAlarms } from './alarmed-metric';
import { namedBy } from './load-balancer';

/** Whether clients get a connection through the poolers, and without waiting. */
export function poolerMonitoring(pooler: IWatchedPooler): CustomMonitoringProps {
  const refusedAfter = pooler.figures.queryWaitTimeoutSeconds;
  const through = (metric: Metric): Metric =>
    namedBy(pooler.loadBalancer.metrics.activeFlowCount(), metric);
  return {
    humanReadableName: 'Poolers',
    alarmFriendlyName: 'Poolers',
    metricGroups: [
      {
        title: 'Clients',
        metrics: [
          pooler.metric('ClientsActive', { label: 'Served' }),
          alarmed({
            name: 'Waiting',
            severity: 'Warning',
            metric: pooler.metric('ClientsWaiting', { label: 'Waiting' }),
            comparison: ComparisonOperator.GREATER_THAN_THRESHOLD,
            threshold: 0,
            // Poolers report one sample a minute: waiting clients in ten in a row are no burst.
            periods: 10,
            // Before the first client, there is no pool to report.
            missing: TreatMissingData.NOT_BREACHING,
            description:
              'Clients have waited for a server connection for 10 minutes. First look in ' +
              'pg_stat_activity for long queries and "idle in transaction", then whether ' +
              'ServerConnections is at the budget: if it is and the database is not busy, ' +
              'enlarge the pools.',
          }),
        ],
      },
      {
        title: 'Longest wait, seconds',
        metrics: [
          alarmed({
            name: 'LongestWait',
            severity: 'Critical',
            metric: pooler.metric('LongestWait', { label: 'Longest wait' }),
            comparison: ComparisonOperator.GREATER_THAN_THRESHOLD,
            threshold: refusedAfter / 2,
            periods: 2,
            missing: TreatMissingData.NOT_BREACHING,
            description:
              `A client has waited over half of the ${refusedAfter} s after which PgBouncer ` +
              'disconnects it. First look whether the database answers at all, then in ' +
              'pg_stat_activity for what holds its connections.',
          }),
        ],
      },
      {
        title: 'Server connections',
        metrics: [
          pooler.metric('ServersActive', { label: 'In use' }),
          pooler.metric('ServerConnections', { label: 'Open' }),
        ],
      },
      {
        title: 'Users of the pooler that has the fewest',
        metrics: [
          alarmed({
            name: 'NoUsers',
            severity: 'Warning',
            metric: pooler.metric('Users', { statistic: Stats.MINIMUM, label: 'Users' }),
            comparison: ComparisonOperator.LESS_THAN_THRESHOLD,
            threshold: 1,
            periods: 10,
            // Each pooler reports once a minute, even without clients.
            missing: TreatMissingData.BREACHING,
            description:
              'For 10 minutes, a pooler has known no user and refused everybody, or none has ' +
              'reported. First look whether the secret of the users is empty, as it is at ' +
              'first; then, by Session Manager, at `journalctl -u pooler-users -u ' +
              'pooler-report`.',
          }),
        ],
      },
      {
        title: 'Healthy and unhealthy poolers',
        metrics: targetHealthAlarms({
          healthy: through(
            pooler.targetGroup.metrics.healthyHostCount({
              statistic: Stats.MAXIMUM,
              period: Duration.minutes(1),
              label: 'Healthy',
            }),
          ),
          unhealthy: through(
            pooler.targetGroup.metrics.unHealthyHostCount({
              statistic: Stats.MAXIMUM,
              period: Duration.minutes(5),
              label: 'Unhealthy',
            }),
          ),
          noneHealthyDescription:
            'No pooler has been healthy for 3 minutes: nobody reaches the database through ' +
            'them. First look at the activity history of their Auto Scaling group, then at ' +
            'the console output of an instance: a boot needs the mirrors of Debian.',
          unhealthyDescription:
            'There has been an unhealthy pooler for 15 minutes, longer than replacing it ' +
            'takes. First look at the activity history of the Auto Scaling group, then at ' +
            'the console output of the instance.',
        }),
      },
    ],
  };
}
