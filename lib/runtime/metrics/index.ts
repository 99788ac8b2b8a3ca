export type { MetricLabels, MetricSample } from './metric';
export { CacheMetrics, type CacheMetricsOptions, PROMETHEUS_CONTENT_TYPE } from './metrics';
export {
  CACHE_METRICS,
  type CacheCounterName,
  type CacheGaugeName,
  type CacheHistogramName,
  type CacheMetricName,
} from './names';
export { quiet, SEMANTIC_METRICS, type SemanticMetrics } from './semantic';
