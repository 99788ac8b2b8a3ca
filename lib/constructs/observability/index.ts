export { AlarmTopic, type AlarmTopicProps } from './alarm-topic';
export type { AlarmedDashboardProps } from './alarmed-dashboard';
export { EdgeObservability, type EdgeObservabilityProps } from './edge-observability';
export type { CacheTopology, IWatchedPooler } from './interfaces';
export type { Objectives } from './objectives';
export { RegionObservability, type RegionObservabilityProps } from './region-observability';
