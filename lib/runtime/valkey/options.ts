import type { ConnectionOptions } from 'node:tls';
import { invalidOption } from '../../model/errors';
import { wholeNumber } from '../shared';
import type { CacheErrorKind } from './errors';

/** An address of a server. */
export interface CacheAddress {
  readonly host: string;
  readonly port: number;
}

/** How a `ValkeyServer` connects, and its deadlines. */
export interface ValkeyServerOptions {
  /**
   * The server's host. For a cluster, its configuration endpoint; otherwise the address that
   * follows the primary.
   */
  readonly host: string;
  /** @default 6379 */
  readonly port?: number;
  /**
   * More addresses of the same cluster to start from, for a cluster without a configuration
   * endpoint.
   *
   * @default - none
   */
  readonly nodes?: readonly CacheAddress[];
  /**
   * Whether the server is a cluster, whose slots are spread over several nodes.
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
   * @default - the server's default user
   */
  readonly username?: string;
  /**
   * The password, or a source of short-lived passwords, such as `elastiCacheToken` creates. A
   * source is called before the first connection, every `passwordRefreshMs`, and when the server
   * refuses the last password.
   *
   * @default - none
   */
  readonly password?: string | (() => string | Promise<string>);
  /**
   * Milliseconds between two calls of a password source. ElastiCache's tokens are valid for 15
   * minutes.
   *
   * @default 600_000
   */
  readonly passwordRefreshMs?: number;
  /**
   * Milliseconds after which established connections log in again with a source's latest password.
   * ElastiCache ends a connection 12 hours after its last login ("Authenticating with IAM", Amazon
   * ElastiCache user guide).
   *
   * @default 21_600_000
   */
  readonly reauthenticateMs?: number;
  /**
   * The beginning of all keys: letters, digits and `. _ - / :`. Caches that share entries share a
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
   * The deadline of a read, a lock or tag versions, in milliseconds. It is the longest that a
   * caller waits before a load.
   *
   * @default 50
   */
  readonly commandTimeoutMs?: number;
  /**
   * The deadline of a write, a removal or an invalidation, in milliseconds. No load waits for them.
   *
   * @default 500
   */
  readonly writeTimeoutMs?: number;
  /**
   * Milliseconds until a new connection must be ready. Past that it is destroyed, and the client
   * reconnects.
   *
   * @default 1_000
   */
  readonly connectTimeoutMs?: number;
  /**
   * Consecutive failures after which the circuit breaker opens: only probes are sent.
   *
   * @default 3
   */
  readonly breakAfter?: number;
  /**
   * Milliseconds between two probes of an unavailable server.
   *
   * @default 500
   */
  readonly probeIntervalMs?: number;
  /**
   * Milliseconds after which the lock of a dead owner expires. A living owner renews it every third
   * of that time.
   *
   * @default 3_000
   */
  readonly lockTtlMs?: number;
  /**
   * Milliseconds after which a lock is no longer renewed: a load that never ends must not block
   * other processes for good.
   *
   * @default 60_000
   */
  readonly lockHoldMs?: number;
  /**
   * Seconds for which the version of a tag is kept. Entries that live longer become invalid with
   * it. It bounds the memory that unused tags take.
   *
   * @default 2_592_000
   */
  readonly tagTtlSeconds?: number;
  /**
   * Whether this process receives messages about invalidations and loads of other processes, over a
   * connection of its own. A process without a memory tier does not need them.
   *
   * @default true
   */
  readonly bus?: boolean;
  /**
   * Milliseconds between two heartbeats of the bus. After three missed heartbeats it counts as
   * lost.
   *
   * @default 500
   */
  readonly heartbeatMs?: number;
  /**
   * The most keys and tags whose invalidation is kept by name while the server is unavailable. Past
   * that, the whole namespace is emptied when the server is back.
   *
   * @default 10_000
   */
  readonly maxPendingInvalidations?: number;
  /**
   * Called for each failure, in addition to the counts in `errors`. Must not throw.
   *
   * @default - not called
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

/** The options with their defaults. */
export type CompleteServerOptions = ValkeyServerOptions & Readonly<typeof DEFAULTS>;

/** The longest delay of Node's timers. */
const MAX_TIMER_MS = 2_147_483_647;

/** The minimum and maximum of each numeric option. */
const RANGES: readonly (readonly [keyof typeof DEFAULTS, min: number, max: number])[] = [
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

/** The types of the other options, which may be passwords or beside them. */
const KINDS: readonly (readonly [keyof ValkeyServerOptions, types: readonly string[]])[] = [
  ['cluster', ['boolean']],
  ['tls', ['boolean', 'object']],
  ['username', ['string']],
  ['password', ['string', 'function']],
  ['connectionName', ['string']],
  ['bus', ['boolean']],
  ['onError', ['function']],
];

/** Errors of a connection repeat the host, so a URL with a password in its place would be logged. */
function checkHost(property: string, host: unknown): void {
  if (typeof host === 'string' && /^[^\s/@?#]+$/.test(host)) return;
  throw invalidOption('ValkeyServer', {
    property,
    value: host,
    mayBeSecret: true,
    allowed: 'a host name or an address',
    rule: 'It may hold a password, so it is not shown.',
    fix: 'Give the parts of a URL as `host`, `port`, `username`, `password` and `tls`.',
  });
}

/**
 * Adds the defaults and checks the options.
 *
 * @throws IsochroneError for invalid options
 */
export function completeServerOptions(options: ValkeyServerOptions): CompleteServerOptions {
  const owner = 'ValkeyServer';
  const given = Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  );
  const complete = { ...DEFAULTS, ...given } as CompleteServerOptions;
  const { host, namespace, nodes, cluster } = complete;
  checkHost('host', host);
  // A namespace that ends like our tags would share their names. Braces would move the hash tag,
  // and the other excluded characters are part of glob patterns.
  if (
    typeof namespace !== 'string' ||
    !/^[\w.:/-]{1,100}$/.test(namespace) ||
    /(^|:)tag$/.test(namespace)
  ) {
    throw invalidOption(owner, {
      property: 'namespace',
      value: namespace,
      mayBeSecret: true,
      allowed: '1 to 100 letters, digits and . _ - / : that do not end in `:tag`',
      rule: 'It begins every key, and the names of tags follow `:tag:`.',
      fix: 'Write it like `market:v1`.',
    });
  }
  for (const [property, min, max] of RANGES) {
    wholeNumber(property, complete[property], {
      owner,
      min,
      max,
      rule: 'It keeps callers from waiting, or the cache from growing, without bound.',
      fix: `The default is ${DEFAULTS[property]}.`,
    });
  }
  for (const [property, kinds] of KINDS) {
    const value = complete[property];
    if (value === undefined || kinds.includes(value === null ? 'null' : typeof value)) continue;
    throw invalidOption(owner, {
      property,
      value,
      mayBeSecret: true,
      allowed: `a value of type ${kinds.join(' or ')}`,
      rule: 'No value is converted.',
      fix: 'Leave it out for its default.',
    });
  }
  if (!Array.isArray(nodes)) {
    throw invalidOption(owner, {
      property: 'nodes',
      value: nodes,
      mayBeSecret: true,
      allowed: 'a list of addresses',
      rule: 'They are more addresses of the same cluster.',
      fix: 'Write each one like `{ host, port }`.',
    });
  }
  for (const [i, node] of nodes.entries()) {
    checkHost(`nodes[${i}].host`, node?.host);
    wholeNumber(`nodes[${i}].port`, node.port, {
      owner,
      min: 1,
      max: 65_535,
      rule: 'It is the port of that node.',
      fix: 'Servers listen at 6379 unless they are told another port.',
    });
  }
  if (nodes.length > 0 && !cluster) {
    throw invalidOption(owner, {
      property: 'nodes',
      value: nodes,
      mayBeSecret: true,
      allowed: 'left out without `cluster`',
      rule: 'A single server has one address, which follows the primary.',
      fix: 'Set `cluster: true` or remove `nodes`.',
    });
  }
  return complete;
}
