export type {
  CacheCounterName,
  CacheGaugeName,
  CacheHistogramName,
  CacheMetricName,
  MetricLabels,
  MetricSample,
} from './definitions';
export { CACHE_METRICS } from './definitions';
export { CacheMetrics, type CacheMetricsOptions, PROMETHEUS_CONTENT_TYPE } from './metrics';
export { quiet, SEMANTIC_METRICS, type SemanticMetrics } from './semantic';
