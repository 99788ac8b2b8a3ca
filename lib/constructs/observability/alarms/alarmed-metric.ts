import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type { CustomMetricWithAlarm, MetricWithAlarmSupport } from 'cdk-monitoring-constructs';
import type { Objectives } from '../objectives';

/** An alarm on one metric or expression. */
export interface AlarmDefinition {
  /**
   * The symptom in one word. The name of the alarm consists of prefix, watched resource, symptom
   * and severity.
   */
  readonly name: string;
  /** `Critical`: users notice now. `Warning`: users will notice unless someone acts today. */
  readonly severity: 'Critical' | 'Warning';
  readonly metric: MetricWithAlarmSupport;
  readonly comparison: cloudwatch.ComparisonOperator;
  readonly threshold: number;
  /** Periods of the metric in a row that must breach the threshold. */
  readonly periods: number;
  /** How the alarm treats missing data. */
  readonly missing: cloudwatch.TreatMissingData;
  /**
   * The alarm ignores a period with at most this many samples.
   *
   * @default - every period counts
   */
  readonly minimumSamples?: number;
  /** The text of the notification: the symptom, and the first steps of a diagnosis. */
  readonly description: string;
}

/**
 * Converts a definition for cdk-monitoring-constructs: it draws the metric, with the alarm's
 * threshold as a line.
 */
export function alarmed(definition: AlarmDefinition): CustomMetricWithAlarm {
  return {
    metric: definition.metric,
    alarmFriendlyName: definition.name,
    addAlarm: {
      [definition.severity]: {
        threshold: definition.threshold,
        comparisonOperator: definition.comparison,
        datapointsToAlarm: definition.periods,
        treatMissingDataOverride: definition.missing,
        minSampleCountToEvaluateDatapoint: definition.minimumSamples,
        additionalDescription: definition.description,
      },
    },
  };
}

/** CPU above its objective for 15 minutes. */
export function cpuAlarm(
  metric: cloudwatch.Metric,
  objectives: Required<Objectives>,
  description: string,
): CustomMetricWithAlarm {
  return alarmed({
    name: 'Cpu',
    severity: 'Warning',
    metric,
    comparison: cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
    threshold: objectives.cpuPercent,
    periods: 3,
    // A running instance always reports: missing data shows as INSUFFICIENT_DATA.
    missing: cloudwatch.TreatMissingData.MISSING,
    description,
  });
}

/** The targets of a load balancer: a metric of each kind, and the texts of their alarms. */
export interface TargetHealth {
  /** The maximum per minute. */
  readonly healthy: cloudwatch.Metric;
  /** The maximum per 5 minutes. */
  readonly unhealthy: cloudwatch.Metric;
  readonly noneHealthyDescription: string;
  readonly unhealthyDescription: string;
}

/** No healthy target for 3 minutes, and an unhealthy target for 15 minutes. */
export function targetHealthAlarms(targets: TargetHealth): CustomMetricWithAlarm[] {
  return [
    alarmed({
      name: 'NoneHealthy',
      severity: 'Critical',
      metric: targets.healthy,
      comparison: cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
      threshold: 1,
      periods: 3,
      // A group without a registered target reports nothing at all.
      missing: cloudwatch.TreatMissingData.BREACHING,
      description: targets.noneHealthyDescription,
    }),
    alarmed({
      name: 'Unhealthy',
      severity: 'Warning',
      metric: targets.unhealthy,
      comparison: cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
      threshold: 0,
      // Replacing an instance takes minutes and alone needs no action.
      periods: 3,
      // A group without a target has no unhealthy one either: NoneHealthy rings instead.
      missing: cloudwatch.TreatMissingData.NOT_BREACHING,
      description: targets.unhealthyDescription,
    }),
  ];
}
