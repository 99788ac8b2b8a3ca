/**
 * Ground floor: the settings that a region publishes for the applications that run in it.
 *
 * The stacks write one JSON document per region into a parameter of Systems Manager, and
 * `isochrone-runtime` reads it. Both use these types, so neither can change alone. Everybody who
 * may read parameters can read the document, so it names secrets and never contains them. The whole
 * document fits the 4 KB of a standard parameter.
 */

/** Host and port. */
export interface SettingsEndpoint {
  readonly host: string;
  readonly port: number;
}

/**
 * How much of a server's certificate a client can verify: chain and name (`verify-full`), only the
 * chain, because clients know the server by another name (`verify-ca`), or nothing (`require`).
 */
export type SettingsTls = 'verify-full' | 'verify-ca' | 'require';

/** An endpoint of PostgreSQL or PgBouncer. */
export interface SettingsDatabaseEndpoint extends SettingsEndpoint {
  readonly tls: SettingsTls;
}

/** The shared cache of the region. */
export interface CacheServerSettings extends SettingsEndpoint {
  readonly tls: boolean;
  /** Whether keys are spread over shards. If so, `host` is the configuration endpoint. */
  readonly cluster: boolean;
  /** The prefix of every key, so that two systems never read each other's keys. */
  readonly namespace: string;
  /**
   * How to log in with IAM; absent if the cache needs no login. A token is signed for the
   * replication group, not for the endpoint.
   */
  readonly iam?: {
    readonly replicationGroupId: string;
    readonly userName: string;
    readonly region: string;
  };
}

/** The bounds of the pools that one process opens, readers and writer together. */
export interface PoolSettings {
  readonly minConnections: number;
  readonly maxConnections: number;
  readonly idleTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly acquireTimeoutMs: number;
}

/** PostgreSQL as the region sees it. */
export interface DatabaseSettings {
  /** The name of the database behind `writer` and `readers`. */
  readonly name: string;
  /** The role that logs in to `writer` and `readers` with an IAM token. */
  readonly user: string;
  /**
   * In the primary region, the primary; elsewhere the hub, which refuses writes until it is
   * promoted.
   */
  readonly writer: SettingsDatabaseEndpoint;
  /** The replicas of the region under one name; absent if it has none. */
  readonly readers?: SettingsDatabaseEndpoint;
  /**
   * PgBouncer, which serves readers and writer as two databases; absent if the region has none. It
   * accepts passwords, not IAM tokens.
   */
  readonly poolers?: SettingsDatabaseEndpoint & {
    /** The database whose connections go to the readers of the region. */
    readonly read: string;
    /** The database whose connections go to its writer. */
    readonly write: string;
    /**
     * The secret with `username` and `password` for the poolers; absent if the application gets
     * them elsewhere.
     */
    readonly secretName?: string;
  };
  readonly pool: PoolSettings;
}

/**
 * The names of the strategies that `isochrone-runtime` defines. Each has its own figures, and its
 * name with a colon as its prefix.
 */
export const STANDARD_STRATEGIES = [
  'session',
  'api',
  'query',
  'kpi',
  'preferences',
  'static',
  'portfolio',
  'strategies',
] as const;

/** The name of a strategy that `isochrone-runtime` defines. */
export type StandardStrategy = (typeof STANDARD_STRATEGIES)[number];

/**
 * How one kind of value is cached, as a deployment sets it: changes to a standard strategy, or a
 * new strategy. An absent field keeps the value of the standard strategy; in a new strategy, it has
 * the default.
 */
export interface StrategySettings {
  /**
   * The prefix of every key of this kind, with its separator. Two strategies with one prefix would
   * read each other's values.
   *
   * @default - the name of the strategy, with a colon
   */
  readonly prefix?: string;
  /**
   * How long a value is fresh after its load ended, in seconds, before `jitter`. A new strategy
   * must have it.
   */
  readonly ttlSeconds?: number;
  /**
   * How a value becomes bytes. Both formats keep the same values (docs/runtime/values.md). JSON is
   * faster for small values; MessagePack is smaller and keeps bytes as bytes.
   *
   * @default 'json'
   */
  readonly serializer?: 'json' | 'msgpack';
  /**
   * Whether large values are compressed.
   *
   * @default false
   */
  readonly compress?: boolean;
  /**
   * How long a value is kept after it stopped being fresh, in seconds; see `serveStale`.
   *
   * @default 0
   */
  readonly staleSeconds?: number;
  /**
   * When a value that is no longer fresh is returned: at once, while one load in the background
   * renews it (`while-renewing`), or only to a caller whose own load failed (`if-error`).
   *
   * @default 'while-renewing'
   */
  readonly serveStale?: 'while-renewing' | 'if-error';
  /**
   * The share of the time to live after which a hit renews the value in the background, over 0 and
   * up to 1. With 0.8 of 60 seconds, a hit in the last 12 seconds renews the value. 1 disables it.
   *
   * @default 1
   */
  readonly refreshAhead?: number;
  /**
   * How long an error of the loader is remembered, in seconds; 0 remembers none. Only errors that
   * the cache's or the call's `cacheError` accepts are remembered, so this has no effect by itself.
   *
   * @default 5
   */
  readonly negativeTtlSeconds?: number;
  /**
   * The share by which a time to live is lengthened or shortened at random, 0 to 0.5, so that
   * values that were loaded together do not expire together.
   *
   * @default 0.1
   */
  readonly jitter?: number;
  /**
   * How long the memory of a process answers before it asks the server again, in seconds. It bounds
   * how long an invalidation goes unnoticed whose message was lost. A cache without a server
   * ignores it.
   *
   * @default 60
   */
  readonly memoryTtlSeconds?: number;
}

/** How events invalidate cached values. */
export interface InvalidationSettings {
  /** How long events are collected before they are handled together, in milliseconds. */
  readonly windowMs: number;
  /** The distribution to invalidate too; absent if the deployment names none. */
  readonly distributionId?: string;
}

/** The settings document of one region. */
export interface RuntimeSettings {
  /** The format of the document. A reader refuses a version that it does not know. */
  readonly version: 1;
  readonly region: string;
  /** The region whose database accepts writes. */
  readonly primaryRegion: string;
  readonly cache: CacheServerSettings;
  readonly database: DatabaseSettings;
  /** By name. */
  readonly strategies: Readonly<Record<string, StrategySettings>>;
  readonly invalidation: InvalidationSettings;
}
