import { setTimeout as pause } from 'node:timers/promises';
import { IsochroneError } from '../../../model/errors';
import { isConnectionLost, type PostgresConnection, sqlState } from '../connection';
import { Catalog, invalidIndexesMessage } from './catalog';
import { checkAgainstCatalog, LARGE_TABLE_BYTES } from './catalog-checks';
import { at, checkStatements } from './checks';
import type { Migration, MigrationStatement } from './files';
import { MigrationHistory } from './history';
import {
  checkBeforeStep,
  clearAfterFailure,
  clearBeforeCorrected,
  type NonTransactionalStep,
  runNonTransactional,
} from './non-transactional';
import { lockMigrations, resetSession } from './session';

export interface MigrationEvent {
  readonly level: 'INFO' | 'WARN' | 'ERROR';
  readonly message: string;
  /** The file, with the line of the statement if there is one. */
  readonly where?: string;
}

export interface MigrationOptions {
  /** Who runs the migrations, for the history. */
  readonly by: string;
  readonly log: (event: MigrationEvent) => void;
  /**
   * How long a statement waits for a lock, in milliseconds.
   *
   * @default 4000
   */
  readonly lockTimeoutMs?: number;
  /**
   * How often a step is tried that waited too long for a lock, or was the victim of a deadlock.
   *
   * @default 10
   */
  readonly attempts?: number;
  /**
   * How long to wait for another run to end, in milliseconds.
   *
   * @default 30000
   */
  readonly waitForOthersMs?: number;
  /**
   * The size from which a table is large, in bytes.
   *
   * @default LARGE_TABLE_BYTES
   */
  readonly largeTableBytes?: number;
  /**
   * Waits; for tests.
   *
   * @default - the timer of Node.js
   */
  readonly sleep?: (milliseconds: number) => Promise<unknown>;
  /**
   * A random number from 0 to 1, for the jitter of pauses.
   *
   * @default Math.random
   */
  readonly random?: () => number;
}

export interface MigrationOutcome {
  /** The files that this run applied. */
  readonly applied: readonly string[];
  /** How many files were applied before. */
  readonly before: number;
}

/**
 * lock_not_available and deadlock_detected: the step had no effect, and may succeed when it is
 * tried again.
 */
const RETRIED = new Set(['55P03', '40P01']);
const LONGEST_PAUSE_MS = 30_000;

/**
 * Applies the migrations that have not been applied yet, in order, on one connection. After any
 * interruption, the next run resumes.
 *
 * @throws IsochroneError for a problem of the migrations, before anything is changed, and for a
 * statement that fails
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
  const stateOf = (migration: Migration, { number }: MigrationStatement) =>
    history.state(migration, number);
  const check = (files: readonly Migration[]) =>
    checkAgainstCatalog(files, catalog, options.largeTableBytes ?? LARGE_TABLE_BYTES, stateOf);
  await check(pending);
  if (pending.length > 0) await history.create();
  const run = new Run(connection, catalog, history, options);
  for (const migration of pending) {
    // Checked again, because only now does the catalog have the tables of the files before.
    await resetSession(connection, run, false);
    await check([migration]);
    await run.apply(migration);
  }
  await resetSession(connection, run, false);
  const invalid = await catalog.invalidIndexes();
  if (invalid.length > 0) {
    options.log({
      level: 'WARN',
      message: invalidIndexesMessage(invalid),
    });
  }
  return { applied: pending.map(({ file }) => file), before: migrations.length - pending.length };
}

/**
 * The pause before a retry, in milliseconds: it doubles with each attempt up to a limit, and up to
 * half of it is random.
 */
export function retryDelayMs(
  firstMs: number,
  attempt: number,
  longestMs: number,
  random: () => number,
): number {
  return Math.round(Math.min(longestMs, firstMs * 2 ** attempt) * (0.5 + random() / 2));
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
      await this.history.recordStart(migration);
      for (const statement of migration.statements) {
        if (
          statement.runs !== 'session' &&
          this.history.state(migration, statement.number) !== 'done'
        )
          await this.runStatement(migration, statement);
      }
      await this.history.recordDone(migration);
    }
    this.log(migration.file, 'is applied');
  }

  /** Runs one statement of a file that runs statement by statement. */
  private async runStatement(migration: Migration, statement: MigrationStatement): Promise<void> {
    const where = at(migration, statement);
    // The settings before a statement apply to it, even if the run was resumed in between.
    const settings = migration.statements.filter(
      ({ runs, number }) => runs === 'session' && number < statement.number,
    );
    this.log(where, statement.command);
    if (statement.runs !== 'outside') {
      await this.step(migration, statement, () =>
        this.transaction(migration, [...settings, statement], statement),
      );
      return;
    }
    const { connection, catalog, lockTimeoutMs } = this;
    const begun = this.history.state(migration, statement.number) === 'running';
    const log = (message: string) =>
      this.log(where, `${statement.index?.name ?? statement.command} ${message}`);
    let corrected = this.history.isCorrected(migration, statement);
    const step: NonTransactionalStep = {
      connection,
      catalog,
      statement,
      where,
      begun,
      lockTimeoutMs,
      log,
    };
    const applySettings = async () => {
      await resetSession(connection, this, !/FULL/.test(statement.command));
      for (const { text } of settings) await connection.query(text);
    };
    await applySettings();
    await checkBeforeStep(step);
    await resetSession(connection, this, false);
    await this.step(
      migration,
      statement,
      async () => {
        await applySettings();
        if (corrected) await clearBeforeCorrected(step);
        corrected = false;
        await runNonTransactional(step);
        await resetSession(connection, this, false);
        await this.history.recordDone(migration, statement);
      },
      async () => {
        await applySettings();
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
      // The history belongs to the role that runs the migrations, not to a role that they switched
      // to.
      await connection.query('RESET SESSION AUTHORIZATION; RESET ROLE');
      await this.history.recordDone(migration, record);
      await connection.query('COMMIT');
    } catch (error) {
      if (!isConnectionLost(error)) await connection.query('ROLLBACK');
      throw error;
    }
  }

  /**
   * Records the start of a step, runs it, repeats it if it only had to wait, and records its
   * failure.
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
      await this.history.recordStart(migration, statement);
      try {
        return await work();
      } catch (error) {
        if (isConnectionLost(error)) throw error;
        const where =
          (error as { where?: string }).where ??
          (statement ? at(migration, statement) : migration.file);
        const reason = error instanceof Error ? error.message : String(error);
        if (RETRIED.has(sqlState(error) ?? '') && attempt < attempts) {
          const milliseconds = retryDelayMs(500, attempt, LONGEST_PAUSE_MS, random);
          this.options.log({
            level: 'WARN',
            message: `attempt ${attempt} of ${attempts}: ${reason}; retrying in ${milliseconds} ms`,
            where,
          });
          await sleep(milliseconds);
          continue;
        }
        await clear();
        await resetSession(this.connection, this, false);
        await this.history.recordFailure(migration, statement, reason);
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
  const code = state ? ` (SQLSTATE ${state})` : '';
  const remains = perPartition
    ? 'The indexes of single partitions that are valid remain'
    : 'Nothing of this step remains';
  return new IsochroneError(
    [
      `${where}: ${reason}${code}${attempts > 1 ? `, after ${attempts} attempts` : ''}.`,
      ...[detail, hint].filter((line) => line !== undefined),
      RETRIED.has(state ?? '')
        ? 'Another session holds a lock that the statement needs. ' +
          'Find it in pg_stat_activity, and run the migrations again.'
        : `${remains}. Correct the failed statement in its file, and run the migrations again.`,
    ].join('\n'),
  );
}
