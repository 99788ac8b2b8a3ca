import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type { CustomMetricWithAlarm, MetricWithAlarmSupport } from 'cdk-monitoring-constructs';

/** An alarm on one metric or expression. */
export interface AlarmDefinition {
  /** What is wrong, in one word: the alarm is named prefix, watched thing, this, severity. */
  readonly name: string;
  /** `Critical`: users notice now. `Warning`: they will, if nobody looks today. */
  readonly severity: 'Critical' | 'Warning';
  readonly metric: MetricWithAlarmSupport;
  readonly comparison: cloudwatch.ComparisonOperator;
  readonly threshold: number;
  /** Periods of the metric in a row that must breach the threshold. */
  readonly periods: number;
  /** What silence means. */
  readonly missing: cloudwatch.TreatMissingData;
  /**
   * A period with at most so many samples counts as silent.
   *
   * @default - every period counts
   */
  readonly minimumSamples?: number;
  /** What happened and what to look at first. It is the text of the notification. */
  readonly description: string;
}

/**
 * The definition in the words of cdk-monitoring-constructs: a metric that is drawn, with its
 * alarm's threshold as a line.
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
