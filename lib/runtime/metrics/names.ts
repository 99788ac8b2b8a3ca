import { SEMANTIC_METRICS } from './semantic';

/** What a metric is, as Prometheus wants to be told. */
export interface MetricDefinition {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  /** The names of its labels. */
  readonly labels?: readonly string[];
  /** Upper bounds of a histogram's buckets, ascending, without the last one, which is infinity. */
  readonly buckets?: readonly number[];
}

/**
 * Half a millisecond, what a load from a neighbour takes, to ten seconds, when most callers have
 * left.
 */
const LOAD_SECONDS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
] as const;

/** Every metric of a cache; each is exported with `isochrone_` before it. */
export const CACHE_METRICS = {
  cache_hits_total: { type: 'counter', help: 'Reads answered by the cache.', labels: ['tier'] },
  cache_misses_total: { type: 'counter', help: 'Reads that the cache could not answer.' },
  cache_stale_total: {
    type: 'counter',
    help: 'Reads answered by a value past its freshness.',
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
    help: 'Keys and tags invalidated, here or by message.',
    labels: ['of', 'by'],
  },
  cache_dropped_writes_total: {
    type: 'counter',
    help: 'Values that did not reach the server.',
    labels: ['reason'],
  },
  cache_corrupt_entries_total: { type: 'counter', help: 'Bytes on the server that were no entry.' },
  cache_unencodable_values_total: { type: 'counter', help: 'Values that could not be kept.' },
  cache_listener_failures_total: { type: 'counter', help: 'Listeners of events that threw.' },
  cache_server_changes_total: {
    type: 'counter',
    help: 'Times the server was lost or came back.',
    labels: ['to'],
  },
  cache_bus_changes_total: {
    type: 'counter',
    help: 'Times the messages between processes were lost or came back.',
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
    help: 'Queries that passed it, or whose result was not kept.',
    labels: ['reason'],
  },
  cache_query_writes_total: {
    type: 'counter',
    help: 'Statements that changed tables, seen by the query cache.',
  },
  ...SEMANTIC_METRICS,
  cache_server_up: {
    type: 'gauge',
    help: '1 while the server is asked, 0 while it is left alone.',
  },
  cache_bus_up: { type: 'gauge', help: '1 while messages of other processes are known to arrive.' },
  cache_memory_entries: { type: 'gauge', help: 'Values in the memory of this process.' },
  cache_memory_bytes: { type: 'gauge', help: 'Their size as encoded, in bytes.' },
  cache_pending_writes: { type: 'gauge', help: 'Writes to the server under way.' },
} as const satisfies Readonly<Record<string, MetricDefinition>>;

export type CacheMetricName = keyof typeof CACHE_METRICS;

type Named<Type extends MetricDefinition['type']> = {
  [Name in CacheMetricName]: (typeof CACHE_METRICS)[Name]['type'] extends Type ? Name : never;
}[CacheMetricName];

export type CacheCounterName = Named<'counter'>;
export type CacheGaugeName = Named<'gauge'>;
export type CacheHistogramName = Named<'histogram'>;
