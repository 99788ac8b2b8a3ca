import type { ConnectionOptions } from 'node:tls';
import type { ClientConfig } from 'pg';
import { invalidOption } from '../../model/errors';
import { wholeNumber } from '../shared';
import { checkAddress } from './address';

/**
 * A server, or a host name of several servers: the options of a `pg` client (`connectionString`,
 * `host`, `ssl`, `password` …), a name and a distance.
 */
export interface ReplicaServer extends ClientConfig {
  /** A URL that names all of it, such as `postgresql://user@host/database`. */
  readonly connectionString?: string;
  readonly host?: string;
  /** @default 5432 */
  readonly port?: number;
  readonly database?: string;
  readonly user?: string;
  /** The password, or a source of passwords such as `rdsToken`. */
  readonly password?: ClientConfig['password'];
  /** TLS: `true`, or the options of `node:tls`. */
  readonly ssl?: boolean | ConnectionOptions;
  /**
   * The name of the server in messages and in `status()`.
   *
   * @default - `writer`, `writer-2`, `reader-1` …
   */
  readonly name?: string;
  /**
   * The relative distance of a reader, 0 or more. Reads go to the nearest healthy readers, and
   * among equals to the least busy.
   *
   * @default 0
   */
  readonly distance?: number;
}

/** Options of `ReplicaPool`. */
export interface ReplicaPoolOptions {
  /**
   * The server for writes. In a list, it is the one that is not a replica; after a failover the
   * servers are tried in turn.
   */
  readonly writer: ReplicaServer | readonly ReplicaServer[];
  /**
   * The replicas.
   *
   * @default - none; the writer answers everything
   */
  readonly readers?: readonly ReplicaServer[];
  /**
   * How many open connections to each server are kept, however long they are idle.
   *
   * @default 10, or `max` if it is smaller
   */
  readonly min?: number;
  /**
   * The most connections to each server, 2 or more. Of a reader's connections, one is reserved for
   * health checks.
   *
   * @default 50
   */
  readonly max?: number;
  /**
   * How long a connection above `min` may be idle before it is closed, in milliseconds.
   *
   * @default 30_000
   */
  readonly idleTimeoutMs?: number;
  /**
   * How long one attempt to connect may take, in milliseconds.
   *
   * @default 3_000
   */
  readonly connectTimeoutMs?: number;
  /**
   * How long a caller waits for a free connection, or for a writer during a failover, in
   * milliseconds.
   *
   * @default 10_000
   */
  readonly acquireTimeoutMs?: number;
  /**
   * How long a read waits for a replica to reach its token, in milliseconds.
   *
   * @default 250
   */
  readonly maxWaitMs?: number;
  /**
   * The server that answers a read whose token no replica reaches in time.
   *
   * @default 'writer'
   */
  readonly staleReads?: 'writer' | 'reader';
  /**
   * Whether the writer answers reads while no reader is healthy. If not, unhealthy readers are
   * tried.
   *
   * @default true
   */
  readonly writerAnswersReads?: boolean;
  /**
   * The share of reads that may be sent to a second server because the first one takes too long, 0
   * to 0.5; 0 turns it off. Ten more are allowed to a new pool. The figure is that of J. Dean and
   * L. A. Barroso, "The Tail at Scale" (2013), for a system like this.
   *
   * @default 0.02
   */
  readonly hedgeShare?: number;
  /**
   * The time between two health checks of a reader, in milliseconds, 50 or more. It is also the
   * time limit of a check, beside `connectTimeoutMs` to connect.
   *
   * @default 5_000
   */
  readonly checkIntervalMs?: number;
  /**
   * The time until an ejected reader is checked again, in milliseconds. It doubles at each failure,
   * up to thirty times.
   *
   * @default 1_000
   */
  readonly ejectMs?: number;
  /**
   * Called for events of servers. It must not throw.
   *
   * @default - events are discarded
   */
  readonly onEvent?: (event: ReplicaPoolEvent) => void;
}

/** An event of a server, or of a statement that was not answered by its first server. */
export type ReplicaPoolEvent =
  /**
   * A reader gets no reads because it failed (`ejected`), or because it does not answer (`set-aside`;
   * the reads that wait for it go on). It gets reads again (`restored`). A writer has become a
   * replica (`demoted`).
   */
  | {
      readonly kind: 'ejected' | 'set-aside' | 'restored' | 'demoted';
      readonly server: string;
      readonly error?: unknown;
    }
  /**
   * A read went to the writer: no reader was healthy (`no-reader`), all readers failed (`failed`),
   * no reader had reached the token (`behind`), or all readers took too long (`slow`).
   */
  | {
      readonly kind: 'read-by-writer';
      readonly because: 'no-reader' | 'failed' | 'behind' | 'slow';
    }
  /**
   * A read went to a second server besides: this one does not answer at all (`silent`), or takes
   * much longer than usual (`slow`).
   */
  | { readonly kind: 'hedged'; readonly server: string; readonly because: 'silent' | 'slow' }
  | { readonly kind: 'retried'; readonly server: string; readonly error: unknown };

/** The options with defaults, and with a name for each server. */
export type ReplicaPoolSettings = Required<Omit<ReplicaPoolOptions, 'writer' | 'readers'>> & {
  readonly writers: readonly (ReplicaServer & { readonly name: string })[];
  readonly readers: readonly (ReplicaServer & { readonly name: string })[];
};

/** The longest time that an option may set, in milliseconds: ten minutes. */
const MAX_MS = 600_000;

/** Checks the options and fills in the defaults. @throws IsochroneError for invalid options */
export function replicaPoolSettings(options: ReplicaPoolOptions): ReplicaPoolSettings {
  const writers = serversOf('writer', options.writer);
  const readers = serversOf('readers', options.readers ?? []);
  const settings: ReplicaPoolSettings = {
    writers: writers.map((server, i) => ({
      ...server,
      name: server.name ?? (i === 0 ? 'writer' : `writer-${i + 1}`),
    })),
    readers: readers.map((server, i) => ({ ...server, name: server.name ?? `reader-${i + 1}` })),
    max: options.max ?? 50,
    min: options.min ?? Math.min(10, options.max ?? 50),
    idleTimeoutMs: options.idleTimeoutMs ?? 30_000,
    connectTimeoutMs: options.connectTimeoutMs ?? 3_000,
    acquireTimeoutMs: options.acquireTimeoutMs ?? 10_000,
    maxWaitMs: options.maxWaitMs ?? 250,
    staleReads: options.staleReads ?? 'writer',
    writerAnswersReads: options.writerAnswersReads ?? true,
    hedgeShare: options.hedgeShare ?? 0.02,
    checkIntervalMs: options.checkIntervalMs ?? 5_000,
    ejectMs: options.ejectMs ?? 1_000,
    onEvent: options.onEvent ?? (() => {}),
  };
  settings.writers.forEach(checkAddress);
  settings.readers.forEach(checkAddress);
  const names = [...settings.writers, ...settings.readers].map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined)
    throw invalidOption('ReplicaPool', {
      property: 'name',
      value: twice,
      allowed: 'of one server only',
      rule: 'It identifies the server in messages.',
      fix: 'Rename one.',
    });
  for (const { distance = 0 } of settings.readers) {
    if (!(distance >= 0))
      throw invalidOption('ReplicaPool', {
        property: 'distance',
        value: distance,
        mayBeSecret: true,
        allowed: '0 or more',
        rule: 'The smallest is the nearest.',
        fix: 'Leave it out, or give a number.',
      });
  }
  const { hedgeShare } = settings;
  if (!(typeof hedgeShare === 'number' && hedgeShare >= 0 && hedgeShare <= 0.5))
    throw invalidOption('ReplicaPool', {
      property: 'hedgeShare',
      value: hedgeShare,
      mayBeSecret: true,
      allowed: 'a number from 0 to 0.5',
      rule: 'With more, reads would double the load.',
      fix: 'Leave it out for 0.02, or give 0 to send no read twice.',
    });
  for (const [property, min, max, rule] of boundsOf(settings)) {
    wholeNumber(property, settings[property], {
      owner: 'ReplicaPool',
      min,
      max,
      rule,
      fix: `Change \`${property}\`, or leave it out.`,
    });
  }
  return settings;
}

/** The servers of an option; a writer may be given without a list. */
function serversOf(property: 'writer' | 'readers', value: unknown): readonly ReplicaServer[] {
  const servers = property === 'writer' && !Array.isArray(value) ? [value] : value;
  const isList =
    Array.isArray(servers) &&
    servers.every((server) => typeof server === 'object' && server !== null);
  if (isList && (property === 'readers' || servers.length > 0)) return servers;
  throw invalidOption('ReplicaPool', {
    property,
    value,
    mayBeSecret: true,
    allowed: property === 'writer' ? 'a server, or a list of at least one' : 'a list of servers',
    rule: 'A server is an object with what `pg` needs to connect.',
    fix: 'Give a URL as `{ connectionString: … }`.',
  });
}

type NumberProperty = {
  [K in keyof ReplicaPoolSettings]: ReplicaPoolSettings[K] extends number ? K : never;
}[keyof ReplicaPoolSettings];

/** The bounds of each number, both included, and the reason for them. */
function boundsOf({
  max,
}: ReplicaPoolSettings): (readonly [NumberProperty, min: number, max: number, rule: string])[] {
  return [
    ['max', 2, 10_000, 'A reader needs one for queries and one for health checks.'],
    ['min', 0, max, 'Connections that are kept open count against `max`.'],
    ['idleTimeoutMs', 1, 86_400_000, 'The recommended values are 10,000 to 30,000.'],
    ['connectTimeoutMs', 1, MAX_MS, 'The recommended values are 2,000 to 3,000.'],
    ['acquireTimeoutMs', 1, MAX_MS, 'A caller that waits forever blocks its own callers.'],
    ['maxWaitMs', 0, 60_000, 'The read holds a connection while it waits.'],
    ['checkIntervalMs', 50, MAX_MS, 'Each health check is a query.'],
    ['ejectMs', 10, MAX_MS, 'An ejected reader gets no reads meanwhile.'],
  ];
}
