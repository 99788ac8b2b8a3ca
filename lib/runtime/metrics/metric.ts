import type { CacheMetricName } from './names';

/** What a sample is about, by label. */
export type MetricLabels = Readonly<Record<string, string>>;

/**
 * One line of figures. A histogram also has how many observations were at most each bound of its
 * buckets.
 */
export interface MetricSample {
  readonly name: CacheMetricName;
  readonly labels: MetricLabels;
  /** Of a histogram: the sum of what was observed. */
  readonly value: number;
  readonly count?: number;
  readonly buckets?: readonly { readonly atMost: number; readonly count: number }[];
}
