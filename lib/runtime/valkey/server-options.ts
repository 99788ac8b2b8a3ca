import type { ConnectionOptions } from 'node:tls';
import { describeValue, IsochroneError } from '../../model/errors';
import type { CacheErrorKind } from './error-kinds';

/** An address of a server. */
export interface CacheAddress {
  readonly host: string;
  readonly port: number;
}

/** How a `ValkeyServer` connects and how patient it is. */
export interface ValkeyServerOptions {
  /**
   * The server's host: of a cluster its configuration endpoint, otherwise the address that follows
   * the primary.
   */
  readonly host: string;
  /** @default 6379 */
  readonly port?: number;
  /**
   * More addresses of the same cluster to begin at, for clusters without a configuration endpoint.
   *
   * @default none
   */
  readonly nodes?: readonly CacheAddress[];
  /**
   * Whether the server is a cluster whose slots lie on several nodes.
   *
   * @default false
   */
  readonly cluster?: boolean;
  /**
   * TLS: `true` for the system's certificate authorities, or Node's own options.
   *
   * @default false
   */
  readonly tls?: boolean | ConnectionOptions;
  /**
   * The user to log in as.
   *
   * @default the server's default user
   */
  readonly username?: string;
  /**
   * The password, or where to get one that lives for a while: `elastiCacheToken` makes such a
   * source. A source is asked before the first connection, every `passwordRefreshMs`, and when the
   * server refuses the last password.
   *
   * @default none
   */
  readonly password?: string | (() => string | Promise<string>);
  /**
   * Milliseconds after which a source of passwords is asked again. ElastiCache's tokens live for 15
   * minutes.
   *
   * @default 600_000
   */
  readonly passwordRefreshMs?: number;
  /**
   * Milliseconds after which standing connections log in again with the latest password of a
   * source. ElastiCache ends a connection 12 hours after it logged in last ("Authenticating with
   * IAM", Amazon ElastiCache user guide).
   *
   * @default 21_600_000
   */
  readonly reauthenticateMs?: number;
  /**
   * What all keys begin with: letters, digits and `. _ - / :`. Caches that share entries share a
   * namespace.
   *
   * @default 'cache'
   */
  readonly namespace?: string;
  /**
   * The name of the connections in `CLIENT LIST`.
   *
   * @default 'isochrone-cache'
   */
  readonly connectionName?: string;
  /**
   * Milliseconds that a read, a lock or tag versions may take. It is what a caller waits at most
   * before a load.
   *
   * @default 50
   */
  readonly commandTimeoutMs?: number;
  /**
   * Milliseconds that a write, a removal or an invalidation may take. No load waits for one.
   *
   * @default 500
   */
  readonly writeTimeoutMs?: number;
  /**
   * Milliseconds that a connection may take until it can be used; after that it is thrown away and
   * made anew.
   *
   * @default 1_000
   */
  readonly connectTimeoutMs?: number;
  /**
   * Failures in a row after which nothing more is sent but probes.
   *
   * @default 3
   */
  readonly breakAfter?: number;
  /**
   * Milliseconds between probes of a server that is away.
   *
   * @default 500
   */
  readonly probeIntervalMs?: number;
  /**
   * Milliseconds after which the lock of a dead owner is free. A living owner renews it every third
   * of that.
   *
   * @default 3_000
   */
  readonly lockTtlMs?: number;
  /**
   * Milliseconds after which a lock is no longer renewed: a load that never ends must not hold off
   * the others for good.
   *
   * @default 60_000
   */
  readonly lockHoldMs?: number;
  /**
   * Seconds that the version of a tag is kept after it was made; entries with a longer life end
   * with it. It bounds what tags cost that nobody uses any more.
   *
   * @default 2_592_000
   */
  readonly tagTtlSeconds?: number;
  /**
   * Whether this process hears what others did, over a connection of its own. A process without a
   * tier in memory needs none.
   *
   * @default true
   */
  readonly bus?: boolean;
  /**
   * Milliseconds between two proofs that messages arrive. After three without one the bus counts as
   * lost.
   *
   * @default 500
   */
  readonly heartbeatMs?: number;
  /**
   * Keys and tags whose invalidation is kept by name while the server is away. Past that, the whole
   * namespace is emptied when it is back.
   *
   * @default 10_000
   */
  readonly maxPendingInvalidations?: number;
  /**
   * Hears of every failure, beside the counts in `errors`. Must not throw.
   *
   * @default nobody
   */
  readonly onError?: (kind: CacheErrorKind, error: unknown) => void;
}

const DEFAULTS = {
  port: 6379,
  nodes: [] as readonly CacheAddress[],
  cluster: false,
  tls: false as boolean | ConnectionOptions,
  passwordRefreshMs: 600_000,
  reauthenticateMs: 21_600_000,
  namespace: 'cache',
  connectionName: 'isochrone-cache',
  commandTimeoutMs: 50,
  writeTimeoutMs: 500,
  connectTimeoutMs: 1_000,
  breakAfter: 3,
  probeIntervalMs: 500,
  lockTtlMs: 3_000,
  lockHoldMs: 60_000,
  tagTtlSeconds: 2_592_000,
  bus: true,
  heartbeatMs: 500,
  maxPendingInvalidations: 10_000,
};

export type CompleteServerOptions = ValkeyServerOptions & Readonly<typeof DEFAULTS>;

/** Timers of Node take no more. */
const MAX_TIMER_MS = 2_147_483_647;

/** The least and most of each figure. */
const RANGES: readonly (readonly [keyof typeof DEFAULTS, number, number])[] = [
  ['port', 1, 65_535],
  ['passwordRefreshMs', 1, MAX_TIMER_MS],
  ['reauthenticateMs', 1, MAX_TIMER_MS],
  ['commandTimeoutMs', 1, 60_000],
  ['writeTimeoutMs', 1, 60_000],
  ['connectTimeoutMs', 1, 60_000],
  ['breakAfter', 1, 1_000],
  ['probeIntervalMs', 1, 60_000],
  ['lockTtlMs', 30, 3_600_000],
  ['lockHoldMs', 1, MAX_TIMER_MS],
  ['tagTtlSeconds', 1, 31_536_000],
  ['heartbeatMs', 10, 60_000],
  ['maxPendingInvalidations', 1, 1_000_000],
];

/** Fills in defaults and refuses what cannot work. @throws IsochroneError */
export function completeServerOptions(options: ValkeyServerOptions): CompleteServerOptions {
  const given = Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  );
  const complete = { ...DEFAULTS, ...given } as CompleteServerOptions;
  if (typeof complete.host !== 'string' || complete.host === '') {
    throw refused(
      'host',
      complete.host,
      'a host name or an address',
      'There is no server to connect to without one.',
      'Give `host`.',
    );
  }
  // A namespace that ends like our tags would share their names; braces would move the hash tag,
  // and the rest are glob characters.
  if (!/^[\w.:/-]{1,100}$/.test(complete.namespace) || /(^|:)tag$/.test(complete.namespace)) {
    throw refused(
      'namespace',
      complete.namespace,
      '1 to 100 letters, digits and . _ - / : that do not end in `:tag`',
      'It begins every key, and the names of tags follow `:tag:`.',
      'Write it like `market:v1`.',
    );
  }
  for (const [property, min, max] of RANGES) {
    const value = complete[property];
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max)
      continue;
    throw refused(
      property,
      value,
      `a whole number from ${min} to ${max}`,
      'A deadline or a bound that is none would let callers wait for the cache, or let it grow.',
      `The default is ${DEFAULTS[property]}.`,
    );
  }
  if (complete.nodes.length > 0 && !complete.cluster) {
    throw refused(
      'nodes',
      complete.nodes,
      'left out without `cluster`',
      'A single server has one address, which follows the primary.',
      'Set `cluster: true` or remove `nodes`.',
    );
  }
  return complete;
}

function refused(
  property: string,
  value: unknown,
  allowed: string,
  rule: string,
  fix: string,
): IsochroneError {
  return new IsochroneError(
    `ValkeyServer: ${property} must be ${allowed}, got ${describeValue(value)}.\n${rule} ${fix}`,
  );
}
