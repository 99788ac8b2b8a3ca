import { Duration } from 'aws-cdk-lib';
import { RDS_POSTGRESQL } from '../../../model/aws';
import type { HasPath } from '../../../model/errors';
import { isWholeNumber, type Rule } from '../../../model/rules';
import { checkRule } from '../../house-rules';

/** The engine's parameters that a user sets. All others follow the instance class or are fixed. */
export interface PostgresFigures {
  /**
   * The limit of `max_connections`. A replica must allow at least as many as the instance it
   * follows, or PostgreSQL stops replaying. The limit therefore does not follow the instance class.
   *
   * @default 500
   */
  readonly maxConnections?: number;

  /**
   * Statements that take at least this long are written to the log, with their text.
   *
   * @default Duration.millis(100)
   */
  readonly slowStatement?: Duration;

  /**
   * Parameters by name, in the engine's own units. They win over the other props. RDS refuses an
   * unknown name at deployment.
   *
   * @default - none
   */
  readonly overrides?: Readonly<Record<string, string>>;
}

/**
 * The readers that a replica serves. They decide what replay does when it meets a query that still
 * needs the rows to be removed:
 *
 * - `fresh`: feedback is on, and replay waits 5 s. A conflict that feedback does not prevent, such
 *   as the lock of a migration, cancels a query soon, and data is seldom older than 5 s. For
 *   readers to whom seconds matter.
 * - `dashboards`: feedback is on, and replay waits 30 s. Queries of seconds finish; one slow query
 *   makes its replica half a minute stale.
 * - `reports`: feedback is off, and replay waits 15 min. Queries of minutes finish, and only this
 *   replica gets staler.
 *
 * The cost to the primary: with feedback, vacuum there keeps dead rows for as long as the oldest
 * query on any replica runs. Tables with many updates grow by the updates of that time. Without
 * feedback, the primary bears no cost.
 */
export type ReplicaReaders = keyof typeof REPLICA_READERS;

/** The parameters that each value of `readers` sets. */
export const REPLICA_READERS = {
  fresh: { hotStandbyFeedback: true, maxStandbyStreamingDelay: Duration.seconds(5) },
  dashboards: { hotStandbyFeedback: true, maxStandbyStreamingDelay: Duration.seconds(30) },
  reports: { hotStandbyFeedback: false, maxStandbyStreamingDelay: Duration.minutes(15) },
} as const;

/** The engine's parameters that a user sets on replicas. */
export interface PostgresReplicaFigures extends PostgresFigures {
  /**
   * The readers that they serve. It sets the defaults of the two props below.
   *
   * @default 'dashboards'
   */
  readonly readers?: ReplicaReaders;

  /**
   * Whether replicas tell their source which rows their queries still need.
   *
   * On: vacuum on the primary spares these rows and cancels no reader for them, but a query that
   * runs for hours on a replica bloats tables on the primary. Off suits replicas for long reports.
   * A hub forwards the feedback of its leaves.
   *
   * @default - set by `readers`: true, except for `reports`
   */
  readonly hotStandbyFeedback?: boolean;

  /**
   * How long replay waits for a query that conflicts with it, before it cancels the query. One slow
   * query can make a replica this stale. Table locks, such as those of a migration, conflict even
   * with feedback on.
   *
   * @default - set by `readers`: 30 seconds for `dashboards`
   */
  readonly maxStandbyStreamingDelay?: Duration;
}

/**
 * The RDS parameters of a PostgreSQL instance.
 *
 * RDS takes numbers in the engine's units: pages of 8 kB for `shared_buffers`,
 * `effective_cache_size` and `wal_buffers`, kB for `work_mem` and `maintenance_work_mem`, MB for
 * the WAL sizes. `{DBInstanceClassMemory}` is in bytes, so memory follows the instance class. The
 * comments give the result of each formula with 16 GiB.
 *
 * @param at the construct that errors name
 * @throws IsochroneError if `max_connections` is out of range
 */
export function postgresParameters(
  at: HasPath,
  figures: PostgresFigures = {},
): Record<string, string> {
  const parameters: Record<string, string> = {
    max_connections: String(figures.maxConnections ?? 500),
    // A quarter: 4 GiB.
    shared_buffers: '{DBInstanceClassMemory/32768}',
    // Three quarters, 12 GiB. The planner's estimate of cached data; it allocates nothing.
    effective_cache_size: '{DBInstanceClassMemory*3/32768}',
    // A sixteenth, 1 GiB, but at least 64 MiB.
    maintenance_work_mem: 'GREATEST({DBInstanceClassMemory/16384},65536)',
    // A 512th, 32 MiB, but at least the engine's default of 4 MiB. It is per sort, not per
    // connection: poolers keep far fewer than `max_connections` busy.
    work_mem: 'GREATEST({DBInstanceClassMemory/524288},4096)',
    // 16 MB, one WAL segment of the engine.
    wal_buffers: '2048',
    min_wal_size: '1024',
    max_wal_size: '4096',
    checkpoint_completion_target: '0.9',
    default_statistics_target: '100',
    // gp3 is solid state: a random page costs about as much as a sequential one, and many reads can
    // be in flight.
    random_page_cost: '1.1',
    effective_io_concurrency: '200',
    shared_preload_libraries: 'pg_stat_statements',
    log_min_duration_statement: String(
      (figures.slowStatement ?? Duration.millis(100)).toMilliseconds(),
    ),
    log_lock_waits: '1',
    'rds.force_ssl': '1',
    ...figures.overrides,
  };
  checkMaxConnections(at, parameters.max_connections);
  return parameters;
}

/**
 * The RDS parameters of a read replica: those of its source, and how replay treats queries.
 *
 * @param at the construct that errors name
 * @throws IsochroneError if `max_connections` is out of range
 */
export function postgresReplicaParameters(
  at: HasPath,
  figures: PostgresReplicaFigures = {},
): Record<string, string> {
  const readers = REPLICA_READERS[figures.readers ?? 'dashboards'];
  return postgresParameters(at, {
    ...figures,
    overrides: {
      hot_standby_feedback: (figures.hotStandbyFeedback ?? readers.hotStandbyFeedback) ? '1' : '0',
      max_standby_streaming_delay: String(
        (figures.maxStandbyStreamingDelay ?? readers.maxStandbyStreamingDelay).toMilliseconds(),
      ),
      ...figures.overrides,
    },
  });
}

/**
 * How long replay on a replica waits for a query at most. Returns undefined if an override sets no
 * limit in milliseconds.
 */
export function replayDelay(
  at: HasPath,
  figures: PostgresReplicaFigures | undefined,
): Duration | undefined {
  const milliseconds = postgresReplicaParameters(at, figures).max_standby_streaming_delay ?? '';
  return /^\d+$/.test(milliseconds) ? Duration.millis(Number(milliseconds)) : undefined;
}

/**
 * The parameters of a leaf. Its own props win over those of all leaves, and its own `readers` wins
 * over the replay props of all leaves.
 */
export function leafFigures(
  all: PostgresReplicaFigures | undefined,
  own: PostgresReplicaFigures | undefined,
): PostgresReplicaFigures | undefined {
  if (own === undefined) return all;
  const replay = own.readers === undefined ? all : undefined;
  return {
    maxConnections: own.maxConnections ?? all?.maxConnections,
    slowStatement: own.slowStatement ?? all?.slowStatement,
    readers: own.readers ?? all?.readers,
    hotStandbyFeedback: own.hotStandbyFeedback ?? replay?.hotStandbyFeedback,
    maxStandbyStreamingDelay: own.maxStandbyStreamingDelay ?? replay?.maxStandbyStreamingDelay,
    overrides: { ...all?.overrides, ...own.overrides },
  };
}

const { min: LEAST, max: MOST } = RDS_POSTGRESQL.maxConnections;

/** A value of the parameter `max_connections` that is not a formula. */
const MAX_CONNECTIONS: Rule<number | string> = {
  allows: (value) => typeof value === 'number' && isWholeNumber(value, { min: LEAST, max: MOST }),
  allowed: `a whole number, ${LEAST} to ${MOST}`,
  rule:
    'The parameter group family limits max_connections, and engine and RDS reserve ' +
    `${RDS_POSTGRESQL.reservedConnections} of them.`,
  fix: 'Add the connections of all poolers and some for people; 500 is the default.',
};

function checkMaxConnections(at: HasPath, value: string | undefined): void {
  // RDS evaluates and judges formulas.
  if (value === undefined || /[{(]/.test(value)) return;
  const number = /^\d+$/.test(value) ? Number(value) : value;
  checkRule(at, 'parameters.maxConnections', MAX_CONNECTIONS, number);
}
