import { Duration } from 'aws-cdk-lib';
import { RDS_POSTGRESQL } from '../../../model/aws';
import { invalidValue, type Placed } from '../../../model/errors';

/**
 * What an engineer decides about an instance's engine. Everything else follows the instance class
 * or is fixed.
 */
export interface PostgresFigures {
  /**
   * The limit of `max_connections`. A replica must allow at least as many as the instance it
   * follows, or PostgreSQL stops replaying; that is why the limit does not follow the instance
   * class.
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
   * Parameters by name, in the engine's own units; they win over what the figures say. RDS refuses
   * a name it does not know at deployment.
   *
   * @default - none
   */
  readonly overrides?: Readonly<Record<string, string>>;
}

/**
 * Whom a replica serves, which decides what replay does when it meets a query that still needs the
 * rows to be removed:
 *
 * - `fresh`: feedback on, and replay waits 5 s. What feedback does not spare, such as the lock of a
 *   migration, cancels a query soon, and data is seldom older than that. For readers to whom
 *   seconds matter.
 * - `dashboards`: feedback on, and replay waits 30 s. Queries of seconds finish; one slow query
 *   makes its replica half a minute stale.
 * - `reports`: feedback off, and replay waits 15 min. Queries of minutes finish at the cost of this
 *   replica's freshness alone.
 *
 * What each costs the primary: with feedback, vacuum there keeps dead rows for as long as the
 * oldest query on any replica runs, so tables that are updated much grow by that long's worth of
 * updates. Without feedback it costs the primary nothing.
 */
export type ReplicaReaders = keyof typeof REPLICA_READERS;

/** What `readers` stands for. */
export const REPLICA_READERS = {
  fresh: { hotStandbyFeedback: true, maxStandbyStreamingDelay: Duration.seconds(5) },
  dashboards: { hotStandbyFeedback: true, maxStandbyStreamingDelay: Duration.seconds(30) },
  reports: { hotStandbyFeedback: false, maxStandbyStreamingDelay: Duration.minutes(15) },
} as const;

/** What an engineer decides about the engine of replicas. */
export interface PostgresReplicaFigures extends PostgresFigures {
  /**
   * Whom they serve: the default of the two figures below.
   *
   * @default 'dashboards'
   */
  readonly readers?: ReplicaReaders;

  /**
   * Whether replicas tell their source which rows their queries still need.
   *
   * On, vacuum on the primary spares these rows, and readers are not cancelled for it; a query that
   * runs for hours on a replica then bloats tables on the primary. Off suits replicas for long
   * reports. A hub passes on what its leaves tell it.
   *
   * @default - as `readers` says: true, but for reports
   */
  readonly hotStandbyFeedback?: boolean;

  /**
   * How long replay waits for a query that stands in its way, before it cancels the query. It is
   * also how stale one slow query can make a replica. Table locks, such as those of a migration,
   * are waited for even with feedback on.
   *
   * @default - as `readers` says: 30 seconds for dashboards
   */
  readonly maxStandbyStreamingDelay?: Duration;
}

/**
 * The RDS parameters of a PostgreSQL instance.
 *
 * RDS takes numbers in the engine's units: pages of 8 kB for `shared_buffers`,
 * `effective_cache_size` and `wal_buffers`, kB for `work_mem` and `maintenance_work_mem`, MB for
 * the WAL sizes. `{DBInstanceClassMemory}` is in bytes, so memory follows the instance class; the
 * comments say what each formula gives with 16 GiB.
 *
 * @param at where an error is reported
 * @throws IsochroneError if `max_connections` is out of range
 */
export function postgresParameters(
  at: Placed,
  figures: PostgresFigures = {},
): Record<string, string> {
  const parameters: Record<string, string> = {
    max_connections: String(figures.maxConnections ?? 500),
    // A quarter: 4 GiB.
    shared_buffers: '{DBInstanceClassMemory/32768}',
    // Three quarters, 12 GiB: what the planner may expect to find in memory. Nothing is allocated.
    effective_cache_size: '{DBInstanceClassMemory*3/32768}',
    // A sixteenth, 1 GiB, and never less than 64 MiB.
    maintenance_work_mem: 'GREATEST({DBInstanceClassMemory/16384},65536)',
    // A 512th, 32 MiB, and never less than the engine's own 4 MiB. Per sort, not per connection:
    // poolers keep far fewer than `max_connections` busy.
    work_mem: 'GREATEST({DBInstanceClassMemory/524288},4096)',
    // 16 MB, one WAL segment of the engine.
    wal_buffers: '2048',
    min_wal_size: '1024',
    max_wal_size: '4096',
    checkpoint_completion_target: '0.9',
    default_statistics_target: '100',
    // gp3 is solid state: a random page costs about as much as the next one, and many reads can be
    // in flight.
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
 * The RDS parameters of a read replica: those of its source, and how replay and queries get along.
 *
 * @param at where an error is reported
 * @throws IsochroneError if `max_connections` is out of range
 */
export function postgresReplicaParameters(
  at: Placed,
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
 * How long replay on a replica waits for a query at most; undefined where an override leaves it
 * open.
 */
export function replayDelay(
  at: Placed,
  figures: PostgresReplicaFigures | undefined,
): Duration | undefined {
  const milliseconds = postgresReplicaParameters(at, figures).max_standby_streaming_delay ?? '';
  return /^\d+$/.test(milliseconds) ? Duration.millis(Number(milliseconds)) : undefined;
}

/**
 * What a leaf says for itself wins; what it says by `readers` wins over the figures that the others
 * have.
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

function checkMaxConnections(at: Placed, value: string | undefined): void {
  const { min, max } = RDS_POSTGRESQL.maxConnections;
  // A formula is RDS's to judge.
  if (value === undefined || /[{(]/.test(value)) return;
  if (/^\d+$/.test(value) && Number(value) >= min && Number(value) <= max) return;
  throw invalidValue(at, {
    property: 'parameters.maxConnections',
    value: Number.isNaN(Number(value)) ? value : Number(value),
    allowed: `a whole number, ${min} to ${max}`,
    rule: `RDS for PostgreSQL takes no other max_connections, and ${RDS_POSTGRESQL.reservedConnections} of them are reserved for the engine and for RDS.`,
    fix: 'Count the connections of all poolers together and add some for people; 500 is the default.',
  });
}
