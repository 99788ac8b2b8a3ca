import { SEMANTIC_METRICS } from './semantic';

/** The definition of a metric, in Prometheus' terms. */
export interface MetricDefinition {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  /**
   * The names of its labels.
   *
   * @default - none
   */
  readonly labels?: readonly string[];
  /**
   * The upper bounds of a histogram's buckets, ascending, without the last bound, infinity.
   *
   * @default - none
   */
  readonly buckets?: readonly number[];
}

/**
 * From half a millisecond, the time of a load from a service nearby, to ten seconds, when most
 * callers have given up.
 */
const LOAD_SECONDS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
] as const;

/** Every metric of a cache. Each is exported with the prefix `isochrone_`. */
export const CACHE_METRICS = {
  cache_hits_total: { type: 'counter', help: 'Reads answered by the cache.', labels: ['tier'] },
  cache_misses_total: { type: 'counter', help: 'Reads that the cache could not answer.' },
  cache_stale_total: {
    type: 'counter',
    help: 'Reads answered with a stale value.',
    labels: ['reason'],
  },
  cache_loads_total: {
    type: 'counter',
    help: 'Loaders that returned a value.',
    labels: ['background'],
  },
  cache_load_errors_total: {
    type: 'counter',
    help: 'Loaders that failed.',
    labels: ['background'],
  },
  cache_load_seconds: { type: 'histogram', help: 'Time that loaders took.', buckets: LOAD_SECONDS },
  cache_invalidations_total: {
    type: 'counter',
    help: 'Keys and tags invalidated, by this process or by message.',
    labels: ['of', 'by'],
  },
  cache_dropped_writes_total: {
    type: 'counter',
    help: 'Values that were not stored on the server.',
    labels: ['reason'],
  },
  cache_corrupt_entries_total: {
    type: 'counter',
    help: 'Bytes on the server that were not a valid entry.',
  },
  cache_unencodable_values_total: {
    type: 'counter',
    help: 'Values that could not be cached.',
  },
  cache_listener_failures_total: { type: 'counter', help: 'Listeners of events that threw.' },
  cache_server_changes_total: {
    type: 'counter',
    help: 'Times the server became unavailable or available.',
    labels: ['to'],
  },
  cache_bus_changes_total: {
    type: 'counter',
    help: 'Times the bus between processes was lost or came back.',
    labels: ['to'],
  },
  cache_server_errors_total: {
    type: 'counter',
    help: 'Commands that failed, by kind.',
    labels: ['kind'],
  },
  cache_query_lookups_total: {
    type: 'counter',
    help: 'Queries that went through the query cache.',
  },
  cache_query_bypasses_total: {
    type: 'counter',
    help: 'Queries that bypassed the query cache, or whose result was not cached.',
    labels: ['reason'],
  },
  cache_query_writes_total: {
    type: 'counter',
    help: 'Statements that changed tables, seen by the query cache.',
  },
  ...SEMANTIC_METRICS,
  cache_server_up: {
    type: 'gauge',
    help: '1 while commands are sent to the server, 0 while only probes are.',
  },
  cache_bus_up: { type: 'gauge', help: '1 while messages of other processes are known to arrive.' },
  cache_memory_entries: { type: 'gauge', help: 'Values in the memory of this process.' },
  cache_memory_bytes: { type: 'gauge', help: 'Encoded size of the values in memory, in bytes.' },
  cache_pending_writes: { type: 'gauge', help: 'Writes to the server in flight.' },
} as const satisfies Readonly<Record<string, MetricDefinition>>;

export type CacheMetricName = keyof typeof CACHE_METRICS;

type Named<Type extends MetricDefinition['type']> = {
  [Name in CacheMetricName]: (typeof CACHE_METRICS)[Name]['type'] extends Type ? Name : never;
}[CacheMetricName];

export type CacheCounterName = Named<'counter'>;
export type CacheGaugeName = Named<'gauge'>;
export type CacheHistogramName = Named<'histogram'>;

/** The values of a sample's labels, by label name. */
export type MetricLabels = Readonly<Record<string, string>>;

/** One sample of a metric. */
export interface MetricSample {
  readonly name: CacheMetricName;
  readonly labels: MetricLabels;
  /** For a histogram, the sum of its observations. */
  readonly value: number;
  /** The number of observations; only for a histogram. */
  readonly count?: number;
  /** The number of observations up to each bound; only for a histogram. */
  readonly buckets?: readonly { readonly atMost: number; readonly count: number }[];
}
