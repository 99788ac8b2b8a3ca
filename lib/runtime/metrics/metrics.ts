import { type IsochroneError, invalidOption } from '../../model/errors';
import { wholeNumber } from '../shared';
import {
  CACHE_METRICS,
  type CacheCounterName,
  type CacheGaugeName,
  type CacheHistogramName,
  type CacheMetricName,
  type MetricDefinition,
  type MetricLabels,
  type MetricSample,
} from './definitions';

/** Options of a CacheMetrics. */
export interface CacheMetricsOptions {
  /**
   * Labels of every sample, such as `{ cache: 'quotes' }`.
   *
   * @default - none
   */
  readonly labels?: MetricLabels;
  /**
   * The most combinations of label values of one metric, 1 to 10,000. Further combinations are
   * counted together under `other`.
   *
   * @default 100
   */
  readonly maxSeries?: number;
}

/** The content type of the text that `CacheMetrics.prometheus()` returns. */
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
    // A metric without labels starts at zero: a rate needs a sample before the first event.
    if (this.labelNames.length === 0 && definition.type !== 'gauge') this.of(NO_LABELS);
  }

  /**
   * The series for some labels. Labels that the metric does not have are ignored; missing labels
   * are empty.
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
 * The counters, gauges and histograms of one cache, or of several caches that share them. Counting
 * takes tens of nanoseconds; nothing is sent anywhere.
 *
 * @example
 * response.setHeader('content-type', PROMETHEUS_CONTENT_TYPE);
 * response.end(cache.metrics.prometheus());
 */
export class CacheMetrics {
  readonly #metrics: ReadonlyMap<CacheMetricName, Metric>;
  readonly #labels: MetricLabels;

  /** @throws IsochroneError for an invalid option */
  constructor(options: CacheMetricsOptions = {}) {
    const { labels = NO_LABELS, maxSeries = 100 } = options;
    wholeNumber('maxSeries', maxSeries, {
      owner: 'CacheMetrics',
      min: 1,
      max: 10_000,
      rule: 'Each series is kept for as long as the process lives.',
      fix: 'Leave it out for the default.',
    });
    checkLabels(labels);
    this.#labels = { ...labels };
    const definitions = Object.entries(CACHE_METRICS) as [CacheMetricName, MetricDefinition][];
    this.#metrics = new Map(
      definitions.map(([name, definition]) => [name, new Metric(definition, maxSeries)]),
    );
  }

  /**
   * Adds to a counter.
   *
   * @throws IsochroneError for an unknown counter or a negative number
   */
  count(name: CacheCounterName, labels: MetricLabels = NO_LABELS, by = 1): void {
    if (!(by >= 0)) throw refused('by', by, 'a number of 0 or more', 'A counter never decreases.');
    this.#metric(name, 'counter').of(labels).value += by;
  }

  /**
   * Sets a gauge to a number, or to a function that is called each time the metrics are read.
   *
   * @throws IsochroneError for an unknown gauge
   */
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

  /**
   * Adds an observation to a histogram. NaN is ignored.
   *
   * @throws IsochroneError for an unknown histogram
   */
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
   * Returns the sum of a metric's samples that have the given labels; for a histogram, the number
   * of observations.
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

  /** Returns every sample, with the labels of the instance. */
  snapshot(): readonly MetricSample[] {
    return Array.from(this.#metrics, ([name, metric]) => this.#samples(name, metric)).flat();
  }

  /** Returns every metric in the text format of Prometheus, version 0.0.4. */
  prometheus(): string {
    return Array.from(this.#metrics, ([name, metric]) =>
      metricText(`isochrone_${name}`, metric.definition, this.#samples(name, metric)),
    ).join('');
  }

  #metric(name: CacheMetricName, type: MetricDefinition['type']): Metric {
    const metric = this.#metrics.get(name);
    if (metric === undefined || metric.definition.type !== type)
      throw refused(
        'name',
        name,
        `a ${type} of CACHE_METRICS`,
        'All metrics are defined in advance.',
      );
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

function checkLabels(labels: MetricLabels): void {
  const reserved = new Set(
    Object.values(CACHE_METRICS).flatMap((definition: MetricDefinition) => definition.labels ?? []),
  );
  for (const [name, value] of Object.entries(labels)) {
    if (
      /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name) &&
      !name.startsWith('__') &&
      name !== 'le' &&
      !reserved.has(name) &&
      typeof value === 'string'
    )
      continue;
    throw refused(
      `labels.${name}`,
      value,
      'text, under a name of letters, digits and _ that no metric uses',
      'Prometheus reserves le and names that begin with __; ' +
        `metrics use ${[...reserved].join(', ')}.`,
    );
  }
}

function refused(property: string, value: unknown, allowed: string, rule: string): IsochroneError {
  const fix = 'Leave it out for the default.';
  return invalidOption('CacheMetrics', {
    property,
    value,
    mayBeSecret: true,
    allowed,
    rule,
    fix,
  });
}

/**
 * One metric in Prometheus' text format 0.0.4; empty for a metric without samples.
 *
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/
 */
function metricText(
  name: string,
  { type, help }: MetricDefinition,
  samples: readonly Omit<MetricSample, 'name'>[],
): string {
  if (samples.length === 0) return '';
  const lines = [
    `# HELP ${name} ${help.replace(/\\/g, '\\\\').replace(/\n/g, '\\n')}`,
    `# TYPE ${name} ${type}`,
  ];
  for (const { labels, value, count, buckets } of samples) {
    if (count === undefined) {
      lines.push(`${name}${labelText(labels)} ${numberText(value)}`);
      continue;
    }
    for (const bucket of buckets ?? [])
      lines.push(
        `${name}_bucket${labelText({ ...labels, le: numberText(bucket.atMost) })} ${bucket.count}`,
      );
    lines.push(`${name}_bucket${labelText({ ...labels, le: '+Inf' })} ${count}`);
    lines.push(
      `${name}_sum${labelText(labels)} ${numberText(value)}`,
      `${name}_count${labelText(labels)} ${count}`,
    );
  }
  return `${lines.join('\n')}\n`;
}

function labelText(labels: MetricLabels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length > 0 ? `{${pairs.join(',')}}` : '';
}

function escaped(value: string): string {
  return value.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n');
}

function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value);
}
