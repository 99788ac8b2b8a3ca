export type {
  CacheKeyRule,
  CacheKeySettings,
  MarkWriterSettings,
  QueryRule,
  RegionalTtlSettings,
  RouteOriginSettings,
  SelectOriginSettings,
  Ttl,
  TtlRule,
} from './edge';
export {
  type CacheServerSettings,
  type DatabaseSettings,
  type InvalidationSettings,
  type PoolSettings,
  type RuntimeSettings,
  type SettingsDatabaseEndpoint,
  type SettingsEndpoint,
  type SettingsTls,
  STANDARD_STRATEGIES,
  type StandardStrategy,
  type StrategySettings,
} from './runtime';
