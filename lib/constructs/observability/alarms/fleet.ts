import { Duration } from 'aws-cdk-lib';
import type { IAutoScalingGroup } from 'aws-cdk-lib/aws-autoscaling';
import {
  ComparisonOperator,
  MathExpression,
  Metric,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import type { CustomMonitoringProps } from 'cdk-monitoring-constructs';
import type { Objectives } from '../objectives';
import { alarmed, cpuAlarm } from './alarmed-metric';

/**
 * CPU and size of a fleet. The sizes need the group's metrics (`GroupMetrics.all()`).
 */
export function fleetMonitoring(
  autoScalingGroup: IAutoScalingGroup,
  objectives: Required<Objectives>,
): CustomMonitoringProps {
  const ofGroup = (namespace: string, metricName: string, statistic: string, label: string) =>
    new Metric({
      namespace,
      metricName,
      statistic,
      label,
      period: Duration.minutes(5),
      dimensionsMap: { AutoScalingGroupName: autoScalingGroup.autoScalingGroupName },
    });
  const size = (metricName: string, label: string) =>
    ofGroup('AWS/AutoScaling', metricName, 'Average', label);
  const desired = size('GroupDesiredCapacity', 'Desired');
  const maximum = size('GroupMaxSize', 'Maximum');
  return {
    humanReadableName: 'Fleet',
    alarmFriendlyName: 'Fleet',
    metricGroups: [
      {
        title: 'CPU, percent',
        metrics: [
          cpuAlarm(
            ofGroup('AWS/EC2', 'CPUUtilization', 'Average', 'CPU'),
            objectives,
            'CPU of the fleet has been over its objective for 15 minutes, so scaling does ' +
              'not keep up. First look whether the group is at its maximum, then whether its ' +
              'last scaling activities failed (capacity, launch template, quota).',
          ),
        ],
      },
      {
        title: 'Capacity used, percent of the maximum',
        metrics: [
          alarmed({
            name: 'AtMaximum',
            severity: 'Warning',
            metric: new MathExpression({
              label: 'Desired of maximum',
              period: Duration.minutes(5),
              expression: '100 * desired / maximum',
              usingMetrics: { desired, maximum },
            }),
            comparison: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            threshold: 100,
            periods: 3,
            // INSUFFICIENT_DATA shows that the group's metrics are disabled, which a green alarm
            // would hide.
            missing: TreatMissingData.MISSING,
            description:
              'The fleet has been at its maximum size for 15 minutes and cannot grow. First ' +
              'look whether the load is wanted (requests, WAF), then raise the maximum, and ' +
              'check that the databases have connections left for more instances.',
          }),
        ],
      },
      {
        title: 'Instances',
        metrics: [desired, maximum, size('GroupInServiceInstances', 'In service')],
      },
    ],
  };
}
