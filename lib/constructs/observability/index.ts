export { AlarmTopic, type AlarmTopicProps } from './alarm-topic';
export type { AlarmedDashboardProps } from './alarmed-dashboard';
export type { CacheTopology, IWatchedPooler } from './alarms';
export { EdgeObservability, type EdgeObservabilityProps } from './edge-observability';
export type { Objectives } from './objectives';
export { RegionObservability, type RegionObservabilityProps } from './region-observability';
