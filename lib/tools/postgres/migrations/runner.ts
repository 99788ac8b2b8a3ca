import { setTimeout as pause } from 'node:timers/promises';
import { IsochroneError } from '../../../model/errors';
import { isConnectionLost, type PostgresConnection, sqlState } from '../connection';
import { Catalog } from './catalog';
import { checkAgainstCatalog, LARGE_TABLE_BYTES } from './catalog-checks';
import { at, checkStatements } from './checks';
import type { Migration, MigrationStatement } from './files';
import { MigrationHistory } from './history';
import {
  checkBeforeStep,
  clearAfterFailure,
  clearBeforeCorrected,
  type OutsideStep,
  runOutside,
} from './non-transactional';
import { lockMigrations, resetSession } from './session';

export interface MigrationEvent {
  readonly level: 'INFO' | 'WARN' | 'ERROR';
  readonly message: string;
  /** The file, with the line of a statement. */
  readonly where?: string;
}

export interface MigrationOptions {
  /** Who runs it, for the history. */
  readonly by: string;
  readonly log: (event: MigrationEvent) => void;
  /** How long a statement waits for a lock, in milliseconds. Default: 4,000. */
  readonly lockTimeoutMs?: number;
  /**
   * How often a step is tried that waited too long for a lock, or was the victim of a deadlock.
   * Default: 10.
   */
  readonly attempts?: number;
  /** How long to wait for another run to end, in milliseconds. Default: 30,000. */
  readonly waitForOthersMs?: number;
  /** From which size on a table is large. Default: 125 MiB. */
  readonly largeTableBytes?: number;
  readonly sleep?: (milliseconds: number) => Promise<unknown>;
  readonly random?: () => number;
}

export interface MigrationOutcome {
  /** The files that this run finished. */
  readonly applied: readonly string[];
  /** How many were applied before. */
  readonly before: number;
}

/**
 * lock_not_available and deadlock_detected: nothing has happened, and the next time may be better.
 */
const RETRIED = new Set(['55P03', '40P01']);
const LONGEST_PAUSE_MS = 30_000;

/**
 * Applies what has not been applied yet, in order, on one connection. Run again after any
 * interruption, it goes on where it was.
 *
 * @throws IsochroneError for what is refused, before anything is changed, and for a statement that
 * failed
 */
export async function runMigrations(
  connection: PostgresConnection,
  migrations: readonly Migration[],
  options: MigrationOptions,
): Promise<MigrationOutcome> {
  checkStatements(migrations);
  await lockMigrations(connection, options.waitForOthersMs ?? 30_000, options.sleep ?? pause);
  const history = await MigrationHistory.read(connection, options.by);
  history.check(migrations);
  const pending = migrations.filter((migration) => !history.isApplied(migration));
  const catalog = new Catalog(connection);
  const isDone = (migration: Migration, { number }: MigrationStatement) =>
    history.state(migration, number) === 'done';
  const check = (files: readonly Migration[]) =>
    checkAgainstCatalog(files, catalog, options.largeTableBytes ?? LARGE_TABLE_BYTES, isDone);
  await check(pending);
  if (pending.length > 0) await history.create();
  const run = new Run(connection, catalog, history, options);
  for (const migration of pending) {
    // Again, now that the files before have run: only now are their tables in the catalog.
    await resetSession(connection, run, false);
    await check([migration]);
    await run.apply(migration);
  }
  await resetSession(connection, run, false);
  const invalid = await catalog.invalidIndexes();
  if (invalid.length > 0) {
    options.log({
      level: 'WARN',
      message: `INVALID indexes, which cost writes and serve no reads: ${invalid.join(', ')}`,
    });
  }
  return { applied: pending.map(({ file }) => file), before: migrations.length - pending.length };
}

class Run {
  public readonly lockTimeoutMs: number;

  constructor(
    private readonly connection: PostgresConnection,
    private readonly catalog: Catalog,
    private readonly history: MigrationHistory,
    private readonly options: MigrationOptions,
  ) {
    this.lockTimeoutMs = options.lockTimeoutMs ?? 4_000;
  }

  public async apply(migration: Migration): Promise<void> {
    this.log(migration.file, 'begins');
    if (migration.transactional && !this.history.isBegunByStatement(migration)) {
      await this.step(migration, undefined, () =>
        this.transaction(migration, migration.statements, undefined),
      );
    } else {
      await this.history.begin(migration);
      for (const statement of migration.statements) {
        if (
          statement.runs !== 'session' &&
          this.history.state(migration, statement.number) !== 'done'
        )
          await this.one(migration, statement);
      }
      await this.history.done(migration);
    }
    this.log(migration.file, 'is applied');
  }

  /** One statement of a file that goes statement by statement. */
  private async one(migration: Migration, statement: MigrationStatement): Promise<void> {
    const where = at(migration, statement);
    // Settings of the session hold for what follows them, also when the run was resumed in between.
    const settings = migration.statements.filter(
      ({ runs, number }) => runs === 'session' && number < statement.number,
    );
    this.log(where, statement.what);
    if (statement.runs !== 'outside') {
      await this.step(migration, statement, () =>
        this.transaction(migration, [...settings, statement], statement),
      );
      return;
    }
    const { connection, catalog, lockTimeoutMs } = this;
    const begun = this.history.state(migration, statement.number) === 'running';
    const log = (message: string) =>
      this.log(where, `${statement.index?.name?.text ?? statement.what} ${message}`);
    let corrected = this.history.isCorrected(migration, statement);
    const step: OutsideStep = { connection, catalog, statement, where, begun, lockTimeoutMs, log };
    const set = async () => {
      await resetSession(connection, this, !/FULL/.test(statement.what));
      for (const { text } of settings) await connection.query(text);
    };
    await set();
    await checkBeforeStep(step);
    await resetSession(connection, this, false);
    await this.step(
      migration,
      statement,
      async () => {
        await set();
        if (corrected) await clearBeforeCorrected(step);
        corrected = false;
        await runOutside(step);
        await resetSession(connection, this, false);
        await this.history.done(migration, statement);
      },
      async () => {
        await set();
        await clearAfterFailure(step);
      },
    );
  }

  private async transaction(
    migration: Migration,
    statements: readonly MigrationStatement[],
    record: MigrationStatement | undefined,
  ) {
    const { connection } = this;
    await resetSession(connection, this, false);
    await connection.query('BEGIN');
    try {
      for (const statement of statements) {
        await connection.query(statement.text).catch((error: unknown) => {
          throw sqlState(error) === undefined
            ? error
            : Object.assign(error as Error, { where: at(migration, statement) });
        });
      }
      // The history belongs to whoever runs the migrations, not to a role that they have taken.
      await connection.query('RESET SESSION AUTHORIZATION; RESET ROLE');
      await this.history.done(migration, record);
      await connection.query('COMMIT');
    } catch (error) {
      if (!isConnectionLost(error)) await connection.query('ROLLBACK');
      throw error;
    }
  }

  /**
   * Records the beginning of a step, runs it, again if it only had to wait, and records how it
   * failed.
   */
  private async step(
    migration: Migration,
    statement: MigrationStatement | undefined,
    work: () => Promise<void>,
    clear: () => Promise<void> = async () => {},
  ): Promise<void> {
    const { attempts = 10, random = Math.random, sleep = pause } = this.options;
    for (let attempt = 1; ; attempt += 1) {
      await resetSession(this.connection, this, false);
      await this.history.begin(migration, statement);
      try {
        return await work();
      } catch (error) {
        if (isConnectionLost(error)) throw error;
        const where =
          (error as { where?: string }).where ??
          (statement ? at(migration, statement) : migration.file);
        const reason = error instanceof Error ? error.message : String(error);
        if (RETRIED.has(sqlState(error) ?? '') && attempt < attempts) {
          const milliseconds = Math.round(
            Math.min(LONGEST_PAUSE_MS, 500 * 2 ** attempt) * (0.5 + random() / 2),
          );
          this.options.log({
            level: 'WARN',
            message: `attempt ${attempt} of ${attempts}: ${reason}; again in ${milliseconds} ms`,
            where,
          });
          await sleep(milliseconds);
          continue;
        }
        await clear();
        await resetSession(this.connection, this, false);
        await this.history.failed(migration, statement, reason);
        throw failure(where, error, reason, attempt, statement?.perPartition === true);
      }
    }
  }

  private log(where: string, message: string): void {
    this.options.log({ level: 'INFO', message, where });
  }
}

function failure(
  where: string,
  error: unknown,
  reason: string,
  attempts: number,
  perPartition: boolean,
): Error {
  if (error instanceof IsochroneError) return error;
  const { detail, hint } = error as { detail?: string; hint?: string };
  const state = sqlState(error);
  return new IsochroneError(
    [
      `${where}: ${reason}${state ? ` (SQLSTATE ${state})` : ''}${attempts > 1 ? `, after ${attempts} attempts` : ''}.`,
      ...[detail, hint].filter((line) => line !== undefined),
      RETRIED.has(state ?? '')
        ? 'Another session holds a lock that is needed. Find it in pg_stat_activity, and run the migrations again.'
        : `${perPartition ? 'The indexes of single partitions that are valid remain' : 'Nothing of this step remains'}. What failed may still be corrected in its file; run the migrations again.`,
    ].join('\n'),
  );
}
