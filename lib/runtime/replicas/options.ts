import type { ClientConfig } from 'pg';
import { describeValue, IsochroneError } from '../../model/errors';

/**
 * A server, or a name that leads to several: what `pg` takes (`connectionString`, `host`, `ssl`,
 * `password` …), and what follows.
 */
export interface ReplicaServer extends ClientConfig {
  /**
   * What it is called in messages and in `status()`.
   *
   * @default - `writer`, `writer-2`, `reader-1` …
   */
  readonly name?: string;
  /**
   * How far it is. Reads go to the nearest readers that are healthy, and among equals to the least
   * busy.
   *
   * @default 0
   */
  readonly distance?: number;
}

export interface ReplicaPoolOptions {
  /**
   * Who takes writes. Of several, the one that does: after a failover the others are asked in turn.
   */
  readonly writer: ReplicaServer | readonly ReplicaServer[];
  /**
   * The replicas.
   *
   * @default - none, the writer answers everything
   */
  readonly readers?: readonly ReplicaServer[];
  /**
   * Connections to each server that are kept once they are open, however long they are idle.
   *
   * @default 10
   */
  readonly min?: number;
  /**
   * Connections to each server at most, from 2 on. One of a reader's is for looking after its
   * health.
   *
   * @default 50
   */
  readonly max?: number;
  /**
   * Milliseconds after which an idle connection above `min` is closed.
   *
   * @default 30_000
   */
  readonly idleTimeoutMs?: number;
  /**
   * Milliseconds that one attempt to connect may take.
   *
   * @default 3_000
   */
  readonly connectTimeoutMs?: number;
  /**
   * Milliseconds that a caller waits for a connection at most: for a free one, and for a writer
   * while there is none.
   *
   * @default 10_000
   */
  readonly acquireTimeoutMs?: number;
  /**
   * Milliseconds that a read waits for a replica to come to its token.
   *
   * @default 250
   */
  readonly maxWaitMs?: number;
  /**
   * Who answers a read whose token no replica has come to in time.
   *
   * @default 'writer'
   */
  readonly staleReads?: 'writer' | 'reader';
  /**
   * Whether the writer answers reads while no reader is healthy. If not, the last readers go on
   * being asked.
   *
   * @default true
   */
  readonly writerAnswersReads?: boolean;
  /**
   * Milliseconds between two looks at a reader's health, from 50 on. A look takes as long at most,
   * and `connectTimeoutMs` to connect.
   *
   * @default 5_000
   */
  readonly checkIntervalMs?: number;
  /**
   * Milliseconds until an ejected reader is looked at again; doubled at each failure, up to thirty
   * times as long.
   *
   * @default 1_000
   */
  readonly ejectMs?: number;
  /**
   * Hears what happens to servers. It must not throw.
   *
   * @default - nobody
   */
  readonly onEvent?: (event: ReplicaPoolEvent) => void;
}

export type ReplicaPoolEvent =
  | {
      readonly kind: 'ejected' | 'restored' | 'demoted';
      readonly server: string;
      readonly error?: unknown;
    }
  /**
   * A read went to the writer: no reader was healthy, failed all of them, or none had come to the
   * token.
   */
  | { readonly kind: 'read-by-writer'; readonly because: 'no-reader' | 'failed' | 'behind' }
  | { readonly kind: 'retried'; readonly server: string; readonly error: unknown };

export type ReplicaPoolSettings = Required<Omit<ReplicaPoolOptions, 'writer' | 'readers'>> & {
  readonly writers: readonly (ReplicaServer & { readonly name: string })[];
  readonly readers: readonly (ReplicaServer & { readonly name: string })[];
};

/** @throws IsochroneError for options that cannot work */
export function replicaPoolSettings(options: ReplicaPoolOptions): ReplicaPoolSettings {
  const writers = Array.isArray(options.writer)
    ? (options.writer as readonly ReplicaServer[])
    : [options.writer as ReplicaServer];
  const settings: ReplicaPoolSettings = {
    writers: writers.map((server, i) => ({
      ...server,
      name: server?.name ?? (i === 0 ? 'writer' : `writer-${i + 1}`),
    })),
    readers: (options.readers ?? []).map((server, i) => ({
      ...server,
      name: server.name ?? `reader-${i + 1}`,
    })),
    max: options.max ?? 50,
    min: options.min ?? Math.min(10, options.max ?? 50),
    idleTimeoutMs: options.idleTimeoutMs ?? 30_000,
    connectTimeoutMs: options.connectTimeoutMs ?? 3_000,
    acquireTimeoutMs: options.acquireTimeoutMs ?? 10_000,
    maxWaitMs: options.maxWaitMs ?? 250,
    staleReads: options.staleReads ?? 'writer',
    writerAnswersReads: options.writerAnswersReads ?? true,
    checkIntervalMs: options.checkIntervalMs ?? 5_000,
    ejectMs: options.ejectMs ?? 1_000,
    onEvent: options.onEvent ?? (() => {}),
  };
  if (
    writers.length === 0 ||
    writers.some((server) => typeof server !== 'object' || server === null)
  ) {
    refuse(
      'writer',
      options.writer,
      'a server, or a list of at least one',
      'Writes need somewhere to go.',
      'Give what `pg` needs to connect.',
    );
  }
  const names = [...settings.writers, ...settings.readers].map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined)
    refuse('name', twice, 'of one server only', 'Messages name servers by it.', 'Rename one.');
  for (const { distance = 0 } of settings.readers) {
    if (!(distance >= 0))
      refuse(
        'distance',
        distance,
        '0 or more',
        'The smallest is the nearest.',
        'Leave it out, or give a number.',
      );
  }
  between(
    'max',
    settings.max,
    2,
    10_000,
    'A reader needs one for queries and one for looking after its health.',
  );
  between('min', settings.min, 0, settings.max, 'What is kept open counts against `max`.');
  between(
    'idleTimeoutMs',
    settings.idleTimeoutMs,
    1,
    86_400_000,
    'The recommended values are 10,000 to 30,000.',
  );
  between(
    'connectTimeoutMs',
    settings.connectTimeoutMs,
    1,
    600_000,
    'The recommended values are 2,000 to 3,000.',
  );
  between(
    'acquireTimeoutMs',
    settings.acquireTimeoutMs,
    1,
    600_000,
    'A caller who waits for ever holds its own callers.',
  );
  between(
    'maxWaitMs',
    settings.maxWaitMs,
    0,
    60_000,
    'The read holds a connection while it waits.',
  );
  between('checkIntervalMs', settings.checkIntervalMs, 50, 600_000, 'Each look is a query.');
  between('ejectMs', settings.ejectMs, 10, 600_000, 'An ejected reader gets no reads meanwhile.');
  return settings;
}

function between(
  property: string,
  value: unknown,
  least: number,
  most: number,
  rule: string,
): void {
  if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) return;
  refuse(
    property,
    value,
    `a whole number from ${least} to ${most}`,
    rule,
    `Change \`${property}\`, or leave it out.`,
  );
}

function refuse(
  property: string,
  value: unknown,
  allowed: string,
  rule: string,
  fix: string,
): never {
  throw new IsochroneError(
    `ReplicaPool: ${property} must be ${allowed}, got ${describeValue(value)}.\n${rule} ${fix}`,
  );
}
