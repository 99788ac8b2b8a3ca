import { describeValue, IsochroneError } from '../../model/errors';
import type { MetricLabels, MetricSample } from './metric';
import {
  CACHE_METRICS,
  type CacheCounterName,
  type CacheGaugeName,
  type CacheHistogramName,
  type CacheMetricName,
  type MetricDefinition,
} from './names';
import { metricText } from './text';

/** Settings of a CacheMetrics. */
export interface CacheMetricsOptions {
  /**
   * Labels of every sample, such as `{ cache: 'quotes' }`.
   *
   * @default none
   */
  readonly labels?: MetricLabels;
  /**
   * How many combinations of label values one metric keeps; what comes on top is counted together
   * under `other`. 1 to 10,000.
   *
   * @default 100
   */
  readonly maxSeries?: number;
}

/** The content type of what `CacheMetrics.prometheus()` returns. */
export const PROMETHEUS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

interface Series {
  readonly labels: MetricLabels;
  value: number;
  read?: () => number;
  count: number;
  readonly buckets: Float64Array;
}

class Metric {
  readonly series = new Map<string, Series>();
  readonly labelNames: readonly string[];
  readonly bounds: readonly number[];

  constructor(
    readonly definition: MetricDefinition,
    private readonly maxSeries: number,
  ) {
    this.labelNames = definition.labels ?? [];
    this.bounds = definition.buckets ?? [];
    // What has no labels is zero from the start: a rate needs the sample before the first event.
    if (this.labelNames.length === 0 && definition.type !== 'gauge') this.of(NO_LABELS);
  }

  /**
   * The series of the labels. Those that the metric doesn't have are left out; those that are
   * missing are empty.
   */
  of(labels: MetricLabels): Series {
    const key = this.#key(labels);
    return this.series.get(key) ?? this.#added(key, labels);
  }

  #key(labels: MetricLabels): string {
    const names = this.labelNames;
    if (names.length === 0) return '';
    let key = labels[names[0] as string] ?? '';
    for (let index = 1; index < names.length; index++)
      key += `\0${labels[names[index] as string] ?? ''}`;
    return key;
  }

  #added(key: string, labels: MetricLabels): Series {
    if (this.series.size >= this.maxSeries) {
      const other = Object.fromEntries(this.labelNames.map((name) => [name, 'other']));
      const otherKey = this.#key(other);
      return this.series.get(otherKey) ?? this.#set(otherKey, other);
    }
    return this.#set(
      key,
      Object.fromEntries(this.labelNames.map((name) => [name, labels[name] ?? ''])),
    );
  }

  #set(key: string, labels: MetricLabels): Series {
    const series: Series = {
      labels,
      value: 0,
      count: 0,
      buckets: new Float64Array(this.bounds.length),
    };
    this.series.set(key, series);
    return series;
  }
}

const NO_LABELS: MetricLabels = Object.freeze({});

/**
 * Counters, gauges and histograms of one cache, or of several that are given the same one. Counting
 * takes tens of nanoseconds; nothing is sent anywhere.
 *
 * response.setHeader('content-type', PROMETHEUS_CONTENT_TYPE);
 * response.end(cache.metrics.prometheus());
 * @example
 */
export class CacheMetrics {
  readonly #metrics: ReadonlyMap<CacheMetricName, Metric>;
  readonly #labels: MetricLabels;

  /** @throws IsochroneError for a bad option */
  constructor(options: CacheMetricsOptions = {}) {
    const { labels = NO_LABELS, maxSeries = 100 } = options;
    checkMaxSeries(maxSeries);
    checkLabels(labels);
    this.#labels = { ...labels };
    const definitions = Object.entries(CACHE_METRICS) as [CacheMetricName, MetricDefinition][];
    this.#metrics = new Map(
      definitions.map(([name, definition]) => [name, new Metric(definition, maxSeries)]),
    );
  }

  /** Adds to a counter. */
  count(name: CacheCounterName, labels: MetricLabels = NO_LABELS, by = 1): void {
    if (!(by >= 0)) throw refused('by', by, 'a number of 0 or more', 'A counter never goes down.');
    this.#metric(name, 'counter').of(labels).value += by;
  }

  /** Sets a gauge, to a number or to what is asked each time that the metrics are read. */
  gauge(
    name: CacheGaugeName,
    value: number | (() => number),
    labels: MetricLabels = NO_LABELS,
  ): void {
    const series = this.#metric(name, 'gauge').of(labels);
    if (typeof value === 'number') {
      series.value = value;
      delete series.read;
    } else series.read = value;
  }

  /** Adds an observation to a histogram; what is no number is left out. */
  observe(name: CacheHistogramName, value: number, labels: MetricLabels = NO_LABELS): void {
    if (Number.isNaN(value)) return;
    const metric = this.#metric(name, 'histogram');
    const series = metric.of(labels);
    series.value += value;
    series.count++;
    const { bounds } = metric;
    for (let index = 0; index < bounds.length; index++) {
      if (value > (bounds[index] as number)) continue;
      series.buckets[index] = (series.buckets[index] as number) + 1;
      return;
    }
  }

  /**
   * The sum of the samples of a metric that have the given labels; of a histogram, how often it was
   * observed.
   */
  value(name: CacheMetricName, labels: MetricLabels = NO_LABELS): number {
    const metric = this.#metrics.get(name);
    if (metric === undefined) return 0;
    const wanted = Object.entries(labels);
    const samples = this.#samples(name, metric).filter((sample) =>
      wanted.every(([label, value]) => sample.labels[label] === value),
    );
    return samples.reduce((sum, sample) => sum + (sample.count ?? sample.value), 0);
  }

  /** Every sample, with the labels of the instance. */
  snapshot(): readonly MetricSample[] {
    return Array.from(this.#metrics, ([name, metric]) => this.#samples(name, metric)).flat();
  }

  /** Every metric in the text format of Prometheus, version 0.0.4. */
  prometheus(): string {
    return Array.from(this.#metrics, ([name, metric]) =>
      metricText(`isochrone_${name}`, metric.definition, this.#samples(name, metric)),
    ).join('');
  }

  #metric(name: CacheMetricName, type: MetricDefinition['type']): Metric {
    const metric = this.#metrics.get(name);
    if (metric === undefined || metric.definition.type !== type)
      throw refused('name', name, `a ${type} of CACHE_METRICS`, 'Metrics are known beforehand.');
    return metric;
  }

  #samples(name: CacheMetricName, metric: Metric): MetricSample[] {
    return Array.from(metric.series.values(), (series) => this.#sample(name, metric, series));
  }

  #sample(name: CacheMetricName, metric: Metric, series: Series): MetricSample {
    const labels = { ...this.#labels, ...series.labels };
    if (metric.definition.type !== 'histogram')
      return { name, labels, value: series.read?.() ?? series.value };
    let count = 0;
    const buckets = metric.bounds.map((atMost, index) => {
      count += series.buckets[index] as number;
      return { atMost, count };
    });
    return { name, labels, value: series.value, count: series.count, buckets };
  }
}

function checkMaxSeries(maxSeries: number): void {
  if (Number.isInteger(maxSeries) && maxSeries >= 1 && maxSeries <= 10_000) return;
  throw refused(
    'maxSeries',
    maxSeries,
    'a whole number of 1 to 10,000',
    'Each series is kept for as long as the process lives.',
  );
}

function checkLabels(labels: MetricLabels): void {
  const own = new Set(
    Object.values(CACHE_METRICS).flatMap((definition: MetricDefinition) => definition.labels ?? []),
  );
  for (const [name, value] of Object.entries(labels)) {
    if (
      /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name) &&
      !name.startsWith('__') &&
      name !== 'le' &&
      !own.has(name) &&
      typeof value === 'string'
    )
      continue;
    throw refused(
      `labels.${name}`,
      value,
      'text under a name of letters, digits and _ that no metric has itself',
      `Prometheus keeps names with __ and le to itself; taken are ${[...own].join(', ')}.`,
    );
  }
}

function refused(property: string, value: unknown, allowed: string, rule: string): IsochroneError {
  return new IsochroneError(
    `CacheMetrics: ${property} must be ${allowed}, got ${describeValue(value)}.\n${rule} Leave it out for the default.`,
  );
}
