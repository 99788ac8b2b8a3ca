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
export type {
  CacheServerSettings,
  DatabaseSettings,
  InvalidationSettings,
  PoolSettings,
  RuntimeSettings,
  SettingsDatabaseEndpoint,
  SettingsEndpoint,
  SettingsTls,
  StrategySettings,
} from './runtime';
