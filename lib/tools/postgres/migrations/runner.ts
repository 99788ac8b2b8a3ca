import { setTimeout as pause } from 'node:timers/promises';
import { IsochroneError, invalidOption } from '../../../model/errors';
import { loadSqlParser } from '../../../model/sql';
import { isConnectionLost, type PostgresConnection, sqlState } from '../connection';
import { baselineOf } from './baseline';
import { type Batch, checkBatch, estimatedRows, keyOf, laggingReplica, nextRange } from './batch';
import { Catalog, invalidIndexesMessage } from './catalog';
import { checkAgainstCatalog, LARGE_TABLE_BYTES } from './catalog-checks';
import { at, checkStatements } from './checks';
import type { Migration, MigrationStatement } from './files';
import { type BatchProgress, MigrationHistory, type StepState } from './history';
import {
  checkBeforeStep,
  clearAfterFailure,
  clearBeforeCorrected,
  type NonTransactionalStep,
  runNonTransactional,
} from './non-transactional';
import { lockMigrations, resetSession } from './session';
import { type MigrationStep, opensOrEnds } from './steps';

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
   * What the database had before its first run: a version, up to and with which all files count as
   * applied, or `auto` for what the tool of the folder has recorded in its own table.
   *
   * @default - nothing; refused if that table shows that the tool has run
   */
  readonly baseline?: string;
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
 * lock_not_available, deadlock_detected and serialization_failure: the step had no effect, and may
 * succeed when it is tried again.
 */
const RETRIED = new Set(['55P03', '40P01', '40001']);
const LONGEST_PAUSE_MS = 30_000;
/** How often a statement in batches tells how far it is. */
const PROGRESS_EVERY_MS = 10_000;
const REPLICA_CHECK_MS = 1_000;

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
  await loadSqlParser();
  await lockMigrations(connection, options.waitForOthersMs ?? 30_000, options.sleep ?? pause);
  const history = await MigrationHistory.read(connection, options.by);
  history.match(migrations);
  const { applied, warnings } = await baselineOf(connection, migrations, history, options.baseline);
  for (const message of warnings) options.log({ level: 'WARN', message });
  history.assumeApplied(applied);
  history.check(migrations);
  const pending = migrations.filter((migration) => !history.isApplied(migration));
  checkStatements(pending);
  const catalog = new Catalog(connection);
  const stateOf = (migration: Migration, statement: MigrationStatement) =>
    history.stateOf(migration, statement);
  const largeTableBytes = options.largeTableBytes ?? LARGE_TABLE_BYTES;
  const check = async (files: readonly Migration[]) => {
    await checkAgainstCatalog(files, catalog, largeTableBytes, stateOf);
    await checkBatches(connection, files, stateOf);
  };
  await check(pending);
  if (pending.length + applied.length > 0) await history.create();
  if (applied.length > 0) {
    await history.recordBaseline(applied);
    options.log({
      level: 'INFO',
      message: `${applied.length} marked as applied, up to ${applied.at(-1)?.file}`,
    });
  }
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

/**
 * Checks the keys of all batches, as far as their tables exist. A file that sets the search path is
 * left to its run.
 *
 * @throws IsochroneError for a key that cannot be used
 */
export async function checkBatches(
  connection: PostgresConnection,
  migrations: readonly Migration[],
  stateOf: (migration: Migration, statement: MigrationStatement) => StepState | undefined,
): Promise<void> {
  for (const migration of migrations) {
    if (migration.statements.some(({ runs }) => runs === 'session')) continue;
    for (const statement of migration.statements) {
      if (statement.batch && stateOf(migration, statement) !== 'done')
        await checkBatch(connection, statement.batch, at(migration, statement), true);
    }
  }
}

/** What a step needs beside its statements. */
interface StepContext {
  readonly migration: Migration;
  readonly step: MigrationStep;
  /** The settings before the step, which are repeated for it even if the run was resumed. */
  readonly settings: readonly MigrationStatement[];
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
    if (migration.transactional && !this.history.isBegunByStep(migration)) {
      const statements = migration.statements.filter(({ node }) => !opensOrEnds(node));
      await this.step(migration, undefined, () =>
        this.transaction(migration, migration.opening, statements, () => this.finish(migration)),
      );
    } else {
      await this.history.recordStart(migration);
      for (const step of migration.steps) {
        if (this.history.state(migration, step.number) === 'done') continue;
        const settings = migration.statements.filter(
          ({ runs, number }) => runs === 'session' && number < step.number,
        );
        await this.runStep({ migration, step, settings });
      }
      await resetSession(this.connection, this, false);
      await this.history.recordDone(migration);
    }
    this.log(migration.file, 'is applied');
  }

  /** Runs one step of a file that runs step by step. */
  private async runStep(context: StepContext): Promise<void> {
    const { migration, step, settings } = context;
    const [statement] = step.statements;
    const opening = step.opening ?? statement;
    if (opening === undefined) return;
    this.log(at(migration, opening), opening.command);
    if (step.opening === undefined && statement?.batch)
      return this.runBatches(context, statement, statement.batch);
    if (step.opening === undefined && statement?.runs === 'outside')
      return this.runOutside(context, statement);
    await this.step(migration, step, () =>
      this.transaction(
        migration,
        step.opening?.text ?? 'BEGIN',
        [...settings, ...step.statements],
        () => this.finish(migration, step),
      ),
    );
  }

  /** Runs a statement outside of a transaction. */
  private async runOutside(
    { migration, step, settings }: StepContext,
    statement: MigrationStatement,
  ): Promise<void> {
    const where = at(migration, statement);
    const { connection, catalog, lockTimeoutMs } = this;
    const begun = this.history.state(migration, step.number) === 'running';
    const log = (message: string) =>
      this.log(where, `${statement.index?.name ?? statement.command} ${message}`);
    let corrected = this.history.isCorrected(migration, step);
    const outside: NonTransactionalStep = {
      connection,
      catalog,
      statement,
      where,
      begun,
      lockTimeoutMs,
      log,
    };
    const applySettings = async () => {
      await resetSession(connection, this, !/FULL|^CALL|^DO/.test(statement.command));
      for (const { text } of settings) await connection.query(text);
    };
    await applySettings();
    await checkBeforeStep(outside);
    await resetSession(connection, this, false);
    await this.step(
      migration,
      step,
      async () => {
        await applySettings();
        if (corrected) await clearBeforeCorrected(outside);
        corrected = false;
        await runNonTransactional(outside);
        await resetSession(connection, this, false);
        await this.history.recordDone(migration, step);
      },
      { clear: () => applySettings().then(() => clearAfterFailure(outside)) },
    );
  }

  /** Runs a statement for one range of keys after the other, from where it was interrupted. */
  private async runBatches(
    context: StepContext,
    statement: MigrationStatement,
    batch: Batch,
  ): Promise<void> {
    const { migration, step, settings } = context;
    const where = at(migration, statement);
    await resetSession(this.connection, this, false);
    for (const { text } of settings) await this.connection.query(text);
    await checkBatch(this.connection, batch, where);
    const total = await estimatedRows(this.connection, batch);
    const begun = this.history.progress(migration, step.number);
    if (begun.key !== undefined && begun.key !== keyOf(batch)) throw otherKey(where, batch, begun);
    if (begun.reached !== undefined)
      this.log(where, `continues after ${keyOf(batch)} ${begun.reached}`);
    const log = ({ reached, changedRows }: BatchProgress) =>
      this.log(
        where,
        `${changedRows} rows, up to ${keyOf(batch)} ${reached}` +
          (total === undefined ? '' : `; ${batch.table} has about ${total}`),
      );
    let logged = Number.NEGATIVE_INFINITY;
    await this.step(
      migration,
      step,
      async () => {
        for (;;) {
          await this.waitForReplicas(where, batch);
          const made = await this.retried(where, () => this.runBatch(context, statement, batch));
          if (made === undefined) break;
          this.history.rememberProgress(migration, step, made);
          if (performance.now() - logged >= PROGRESS_EVERY_MS) {
            log(made);
            logged = performance.now();
          }
          await this.sleep(batch.pauseMs);
        }
        log(this.history.progress(migration, step.number));
      },
      { attempts: 1 },
    );
  }

  /** Runs one batch with its progress. @returns undefined if there are no further keys */
  private async runBatch(
    { migration, step, settings }: StepContext,
    statement: MigrationStatement,
    batch: Batch,
  ): Promise<BatchProgress | undefined> {
    const before = this.history.progress(migration, step.number);
    let made: BatchProgress | undefined;
    await this.transaction(migration, 'BEGIN', settings, async () => {
      const range = await nextRange(this.connection, batch, before.reached);
      if (range === undefined) return this.finish(migration, step);
      const { rowCount } = await this.connection.query(statement.text, [range.from, range.to]);
      await this.connection.query('RESET SESSION AUTHORIZATION; RESET ROLE');
      made = {
        key: keyOf(batch),
        reached: range.to,
        changedRows: before.changedRows + (rowCount ?? 0),
      };
      await this.history.recordProgress(migration, step, made);
    });
    return made;
  }

  /** Records the end of a step. The history belongs to the role that runs the migrations. */
  private async finish(migration: Migration, step?: MigrationStep): Promise<void> {
    await this.connection.query('RESET SESSION AUTHORIZATION; RESET ROLE');
    await this.history.recordDone(migration, step);
  }

  /** Waits while a replica is further behind than a batch allows. */
  private async waitForReplicas(where: string, batch: Batch): Promise<void> {
    for (let waited = 0; ; waited += REPLICA_CHECK_MS) {
      const behind = await laggingReplica(this.connection, batch.lagMs);
      if (behind === undefined) return;
      if (waited % 60_000 === 0) {
        this.options.log({
          level: 'WARN',
          message: `waits for ${behind.name}, which is ${behind.seconds} s behind`,
          where,
        });
      }
      await this.sleep(REPLICA_CHECK_MS);
    }
  }

  /**
   * Runs statements in one transaction.
   *
   * @param last what is done before it commits, which records it
   */
  private async transaction(
    migration: Migration,
    opening: string,
    statements: readonly MigrationStatement[],
    last: () => Promise<void>,
  ): Promise<void> {
    const { connection } = this;
    await resetSession(connection, this, false);
    await connection.query(opening);
    try {
      for (const statement of statements) {
        await connection.query(statement.text).catch((error: unknown) => {
          throw sqlState(error) === undefined
            ? error
            : Object.assign(error as Error, { where: at(migration, statement) });
        });
      }
      await last();
      await connection.query('COMMIT');
    } catch (error) {
      if (!isConnectionLost(error)) await connection.query('ROLLBACK');
      throw error;
    }
  }

  /** Records the start of a step, runs it as `retried` does, and records its failure. */
  private async step(
    migration: Migration,
    step: MigrationStep | undefined,
    work: () => Promise<void>,
    { clear, attempts }: { clear?: () => Promise<void>; attempts?: number } = {},
  ): Promise<void> {
    const statement = step?.opening ?? step?.statements[0];
    const where = statement ? at(migration, statement) : migration.file;
    try {
      await this.retried(
        where,
        async () => {
          await resetSession(this.connection, this, false);
          await this.history.recordStart(migration, step);
          await work();
        },
        attempts,
      );
    } catch (error) {
      if (isConnectionLost(error)) throw error;
      await clear?.();
      await resetSession(this.connection, this, false);
      await this.history.recordFailure(migration, step, reasonOf(error));
      throw failure(error, where, statement);
    }
  }

  /** Repeats work that only had to wait for others. */
  private async retried<T>(
    where: string,
    work: () => Promise<T>,
    attempts = this.options.attempts ?? 10,
  ): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await work();
      } catch (error) {
        if (!RETRIED.has(sqlState(error) ?? '')) throw error;
        if (attempt >= attempts)
          throw Object.assign(error as Error, {
            attempts: Math.max(attempt, (error as { attempts?: number }).attempts ?? 0),
          });
        const milliseconds = retryDelayMs(
          500,
          attempt,
          LONGEST_PAUSE_MS,
          this.options.random ?? Math.random,
        );
        this.options.log({
          level: 'WARN',
          message:
            `attempt ${attempt} of ${attempts}: ${reasonOf(error)}; ` +
            `retrying in ${milliseconds} ms`,
          where: (error as { where?: string }).where ?? where,
        });
        await this.sleep(milliseconds);
      }
    }
  }

  private async sleep(milliseconds: number): Promise<void> {
    if (milliseconds > 0) await (this.options.sleep ?? pause)(milliseconds);
  }

  private log(where: string, message: string): void {
    this.options.log({ level: 'INFO', message, where });
  }
}

function otherKey(where: string, batch: Batch, { key, reached }: BatchProgress): Error {
  return invalidOption(where, {
    property: 'the key of the batch',
    value: keyOf(batch),
    allowed: `${key}, by which it was begun`,
    rule: `It has come to ${reached}, which says nothing about another key.`,
    fix: 'Restore the comment, or put the rest into a further migration.',
  });
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function failure(error: unknown, step: string, statement: MigrationStatement | undefined): Error {
  if (error instanceof IsochroneError) return error;
  const {
    detail,
    hint,
    where = step,
    attempts = 1,
  } = error as {
    detail?: string;
    hint?: string;
    where?: string;
    attempts?: number;
  };
  const state = sqlState(error);
  const code = state ? ` (SQLSTATE ${state})` : '';
  return new IsochroneError(
    [
      `${where}: ${reasonOf(error)}${code}${attempts > 1 ? `, after ${attempts} attempts` : ''}.`,
      ...[detail, hint].filter((line) => line !== undefined),
      RETRIED.has(state ?? '')
        ? 'Another session holds a lock that the statement needs. ' +
          'Find it in pg_stat_activity, and run the migrations again.'
        : `${remains(statement, state)}. ` +
          'Correct the failed statement in its file, and run the migrations again.',
    ].join('\n'),
  );
}

/** invalid_transaction_termination: a procedure or a DO block has COMMIT. */
const COMMITS_ITSELF = '2D000';

function remains(statement: MigrationStatement | undefined, state: string | undefined): string {
  if (state === COMMITS_ITSELF)
    return (
      'It ends transactions itself: put `-- isochrone: no transaction` above it. ' +
      'Nothing of this step remains'
    );
  if (statement?.perPartition) return 'The indexes of single partitions that are valid remain';
  if (statement?.batch)
    return 'The batches before it remain, and the next run continues after them';
  return 'Nothing of this step remains';
}
