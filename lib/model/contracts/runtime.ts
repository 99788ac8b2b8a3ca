/**
 * Ground floor: what a region tells the applications that run in it.
 *
 * Types only. The stacks write one JSON document per region into a parameter of Systems Manager,
 * and `isochrone/runtime` reads it: with one type for both, neither can change alone. Everybody who
 * may read parameters can read it: secrets are named in it, and never stand in it. Whole, it fits
 * the 4 KB of a standard parameter.
 */

/** Host and port. */
export interface SettingsEndpoint {
  readonly host: string;
  readonly port: number;
}

/**
 * How much of a server's certificate a client can check: chain and name (`verify-full`), the chain
 * only, because clients know the server by another name (`verify-ca`), or nothing but that there is
 * one (`require`).
 */
export type SettingsTls = 'verify-full' | 'verify-ca' | 'require';

export interface SettingsDatabaseEndpoint extends SettingsEndpoint {
  readonly tls: SettingsTls;
}

/** The shared cache of the region. */
export interface CacheServerSettings extends SettingsEndpoint {
  readonly tls: boolean;
  /** Whether keys are spread over shards, which the endpoint then tells. */
  readonly cluster: boolean;
  /** Begins every key, so that two systems never read each other's. */
  readonly namespace: string;
  /**
   * How to log in; absent where the cache asks for nobody. A token is signed for the replication
   * group, not for the endpoint.
   */
  readonly iam?: {
    readonly replicationGroupId: string;
    readonly userName: string;
    readonly region: string;
  };
}

/**
 * The bounds of the pools that one process opens, readers and writer together. Times in
 * milliseconds.
 */
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
  /** The role that logs in to `writer` and `readers`, by an IAM token. */
  readonly user: string;
  /**
   * In the primary region the primary; elsewhere the hub, which refuses writes until it is
   * promoted.
   */
  readonly writer: SettingsDatabaseEndpoint;
  /** The replicas of the region under one name; absent where there are none. */
  readonly readers?: SettingsDatabaseEndpoint;
  /**
   * PgBouncer, which knows readers and writer as two databases; absent where there is none. It
   * takes passwords, and no IAM tokens.
   */
  readonly poolers?: SettingsDatabaseEndpoint & {
    /** The database that leads to the readers of the region. */
    readonly read: string;
    /** The database that leads to its writer. */
    readonly write: string;
    /**
     * The secret with `username` and `password` for the poolers; absent where the application finds
     * them elsewhere.
     */
    readonly secretName?: string;
  };
  readonly pool: PoolSettings;
}

/**
 * What a deployment changes of a strategy, or all of a new one. A field that is absent is as the
 * library has it.
 */
export interface StrategySettings {
  /** Begins every key. For a new strategy, its name with a colon. */
  readonly prefix?: string;
  /** A new strategy must have it. */
  readonly ttlSeconds?: number;
  readonly serializer?: 'json' | 'msgpack';
  readonly compress?: boolean;
  readonly staleSeconds?: number;
  readonly serveStale?: 'while-renewing' | 'if-error';
  readonly refreshAhead?: number;
  readonly negativeTtlSeconds?: number;
  readonly jitter?: number;
  readonly memoryTtlSeconds?: number;
}

/** How events end what is cached. */
export interface InvalidationSettings {
  /** How long events are gathered before they are acted on together, in milliseconds. */
  readonly windowMs: number;
  /** The distribution whose copies are ended too; absent where nobody has named one. */
  readonly distributionId?: string;
}

/** The document of one region. */
export interface RuntimeSettings {
  /** The shape of the document. A reader refuses one that it does not know. */
  readonly version: 1;
  readonly region: string;
  /** Where writes are taken. */
  readonly primaryRegion: string;
  readonly cache: CacheServerSettings;
  readonly database: DatabaseSettings;
  /** By name. */
  readonly strategies: Readonly<Record<string, StrategySettings>>;
  readonly invalidation: InvalidationSettings;
}
