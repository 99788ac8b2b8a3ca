import { invalidOption } from '../../../model/errors';
import { type PostgresConnection, rowsOf } from '../connection';
import { type Migration, sha256 } from './files';
import { formatOf, type MigrationFormat } from './formats';
import type { MigrationStep } from './steps';

export type StepState = 'running' | 'done' | 'failed';

/**
 * The record of a file (statement 0), or of one statement of a file that runs statement by
 * statement.
 */
export interface HistoryEntry {
  /** The number of the file: that of its name in the format of Isochrone, else given at its start. */
  readonly version: number;
  readonly statement: number;
  readonly file: string;
  /** The SHA-256 of the file or of the statement. */
  readonly checksum: string;
  readonly state: StepState;
  /** The last key of a statement in batches, up to which it has run. */
  readonly reached?: string | null;
  /** The table and column of that key, as they were written. */
  readonly batch_key?: string | null;
  /** How many rows a statement in batches has changed. */
  readonly changed_rows?: string | null;
}

/** How far a statement in batches has come. */
export interface BatchProgress {
  /** The table and column of the key, as they were written. */
  readonly key: string | undefined;
  readonly reached: string | undefined;
  readonly changedRows: number;
}

const TABLE = 'isochrone.migrations';

/** State, times and `started_by` are those of the last attempt. Rows are never deleted. */
const CREATE = `CREATE TABLE IF NOT EXISTS ${TABLE} (
  version integer NOT NULL,
  statement integer NOT NULL,
  file text NOT NULL,
  checksum text NOT NULL,
  state text NOT NULL CHECK (state IN ('running', 'done', 'failed')),
  attempts integer NOT NULL DEFAULT 1,
  started timestamptz NOT NULL DEFAULT clock_timestamp(),
  ended timestamptz,
  started_by text NOT NULL,
  database_user text NOT NULL DEFAULT session_user,
  error text,
  batch_key text,
  reached text,
  changed_rows bigint,
  PRIMARY KEY (version, statement)
)`;

/** The columns that older versions of the table do not have. */
const UPGRADE = `ALTER TABLE ${TABLE}
  ADD COLUMN IF NOT EXISTS batch_key text, ADD COLUMN IF NOT EXISTS reached text,
  ADD COLUMN IF NOT EXISTS changed_rows bigint`;

/** The history in the database: as read when the run started, and as the run continued it. */
export class MigrationHistory {
  /** The number of each file that has one, by its id. */
  private readonly versions = new Map<string, number>();
  private format: MigrationFormat = 'isochrone';

  /** @param by who runs the migrations, for `started_by` */
  private constructor(
    private readonly connection: PostgresConnection,
    private readonly by: string,
    private readonly entries: Map<string, HistoryEntry>,
  ) {}

  /** Reads the history. Without the table, nothing has been applied. */
  public static async read(connection: PostgresConnection, by: string): Promise<MigrationHistory> {
    const rows = (await tableState(connection)).exists
      ? await rowsOf<HistoryEntry>(connection, `SELECT * FROM ${TABLE} ORDER BY version, statement`)
      : [];
    return new MigrationHistory(
      connection,
      by,
      new Map(rows.map((row) => [key(row.version, row.statement), row])),
    );
  }

  /** Creates the table. The lock of the run must be held, because two runs would conflict. */
  public async create(): Promise<void> {
    const { exists, isCurrent } = await tableState(this.connection);
    if (!exists) await this.connection.query(`CREATE SCHEMA IF NOT EXISTS isochrone; ${CREATE}`);
    else if (!isCurrent) await this.connection.query(UPGRADE);
  }

  /** Whether no file was ever begun. */
  public get isEmpty(): boolean {
    return this.entries.size === 0;
  }

  /** Whether the whole file was applied, for a repeatable one with its text of today. */
  public isApplied(migration: Migration): boolean {
    const entry = this.entry(migration, 0);
    if (entry?.state !== 'done') return false;
    return !migration.isRepeatable || entry.checksum === migration.checksum;
  }

  /** Whether the file, or a step of it, has a record. */
  public isBegun(migration: Migration): boolean {
    return this.entry(migration, 0) !== undefined;
  }

  /**
   * Whether steps of the file ran one by one. The file then continues so, even if it was corrected
   * to a text that one transaction could hold.
   */
  public isBegunByStep(migration: Migration): boolean {
    if (this.isRepeated(migration)) return false;
    return migration.steps.some(({ number }) => this.state(migration, number) === 'done');
  }

  /** Whether a step ran before with another text. */
  public isCorrected(migration: Migration, step: MigrationStep): boolean {
    const before = this.entry(migration, step.number);
    return before !== undefined && before.checksum !== checksumOf(migration, step);
  }

  /** The state of a step, or of the file as step 0; undefined if it never ran. */
  public state(migration: Migration, step: number): StepState | undefined {
    if (step > 0 && this.isRepeated(migration)) return undefined;
    return this.entry(migration, step)?.state;
  }

  /** The state of the step of a statement, if the file has run step by step. */
  public stateOf(
    migration: Migration,
    { number }: { readonly number: number },
  ): StepState | undefined {
    const step = migration.steps.find(
      (each) =>
        each.number === number || each.statements.some((statement) => statement.number === number),
    );
    return step && this.state(migration, step.number);
  }

  /** How far a statement in batches has come. */
  public progress(migration: Migration, step: number): BatchProgress {
    const entry = this.entry(migration, step);
    return {
      key: entry?.batch_key ?? undefined,
      reached: entry?.reached ?? undefined,
      changedRows: Number(entry?.changed_rows ?? 0),
    };
  }

  /** Whether a repeatable file was applied with another text: its steps run again. */
  private isRepeated(migration: Migration): boolean {
    const entry = this.entry(migration, 0);
    return migration.isRepeatable && entry !== undefined && entry.checksum !== migration.checksum;
  }

  private entry(migration: Migration, step: number): HistoryEntry | undefined {
    const version = this.versions.get(migration.id);
    return version === undefined ? undefined : this.entries.get(key(version, step));
  }

  /** The number of a file; a file without one gets the next. */
  private versionOf(migration: Migration): number {
    const known =
      this.versions.get(migration.id) ??
      (migration.format === 'isochrone'
        ? Number(migration.id)
        : Math.max(0, ...[...this.entries.values()].map(({ version }) => version)) + 1);
    this.versions.set(migration.id, known);
    return known;
  }

  /**
   * Finds the files of the folder in the history, by what their tool knows them by. Nothing else is
   * asked before.
   */
  public match(migrations: readonly Migration[]): void {
    const known = new Set(migrations.map(({ id }) => id));
    this.format = migrations[0]?.format ?? 'isochrone';
    for (const entry of this.entries.values()) {
      const id = this.idOf(entry);
      if (id !== undefined && known.has(id)) this.versions.set(id, entry.version);
    }
  }

  private idOf({ version, file }: HistoryEntry): string | undefined {
    return this.format === 'isochrone' ? String(version) : formatOf(this.format).id(file);
  }

  /**
   * Compares the history with the folder.
   *
   * @throws IsochroneError for a file that was changed after it was applied, or that is gone; in a
   * file that was begun, only steps that failed or have not run may change
   */
  public check(migrations: readonly Migration[]): void {
    const byId = new Map(migrations.map((migration, i) => [migration.id, { migration, i }]));
    const places = [...this.entries.values()].map((entry) => ({
      entry,
      place: byId.get(this.idOf(entry) ?? ''),
    }));
    const first = migrations.findIndex(
      (migration) => !migration.isRepeatable && !this.isApplied(migration),
    );
    const missing = formatOf(this.format).runsLate ? undefined : migrations[first];
    for (const { entry, place } of places) {
      if (missing && place && place.i > first && !place.migration.isRepeatable)
        throw this.missingBefore(missing, entry);
      if (place === undefined) throw gone(entry, migrations.length);
      const { migration } = place;
      if (this.isRepeated(migration)) continue;
      if (entry.statement > 0 && this.isApplied(migration)) continue;
      const step = entry.statement === 0 ? undefined : stepOf(migration, entry.statement);
      const checksum = entry.statement > 0 && !step ? undefined : checksumOf(migration, step);
      const fixed = entry.state === 'done' || (entry.state === 'running' && entry.statement > 0);
      if (fixed && checksum !== entry.checksum) throw changed(migration, entry, step, checksum);
    }
  }

  private missingBefore(missing: Migration, entry: HistoryEntry): Error {
    if (missing.format !== 'isochrone') {
      return invalidOption(missing.file, {
        property: 'a file that was not applied',
        value: missing.id,
        allowed: 'newer than all that were',
        rule: `${entry.file} has been applied, and ${missing.format} runs files in order.`,
        fix:
          'Give it a newer version. ' +
          'If the database has its changes already, mark it with --baseline.',
      });
    }
    return invalidOption(missing.file, {
      property: 'a file before one that was begun',
      value: this.state(missing, 0),
      allowed: 'done',
      rule:
        `The history has ${entry.file}, which runs after it: ` +
        'its record was deleted or changed by hand.',
      fix:
        'Find out whether the database has the changes of the file, ' +
        `and restore its row in ${TABLE}.`,
    });
  }

  /** Takes files for applied, so far without a record. */
  public assumeApplied(migrations: readonly Migration[]): void {
    for (const migration of migrations) this.remember(migration, undefined, 'done');
  }

  /** Records the files that were assumed to be applied, all at once. */
  public async recordBaseline(migrations: readonly Migration[]): Promise<void> {
    const numbered = migrations.map((migration) => ({
      version: this.versionOf(migration),
      file: migration.file,
      checksum: migration.checksum,
    }));
    await this.connection.query(
      `INSERT INTO ${TABLE} (version, statement, file, checksum, state, ended, started_by)
       SELECT version, 0, file, checksum, 'done', clock_timestamp(), $4
       FROM unnest($1::int[], $2::text[], $3::text[]) AS baseline (version, file, checksum)`,
      [
        numbered.map(({ version }) => version),
        numbered.map(({ file }) => file),
        numbered.map(({ checksum }) => checksum),
        `${this.by}, as a baseline`,
      ],
    );
  }

  /**
   * Records the start of a step. It commits before the step runs, so that an interrupted step
   * leaves a trace.
   */
  public async recordStart(migration: Migration, step?: MigrationStep): Promise<void> {
    if (step === undefined && this.isRepeated(migration)) await this.forgetSteps(migration);
    await this.connection.query(
      `INSERT INTO ${TABLE} (version, statement, file, checksum, state, started_by)
       VALUES ($1, $2, $3, $4, 'running', $5)
       ON CONFLICT (version, statement) DO UPDATE SET
         file = excluded.file, checksum = excluded.checksum, state = 'running', error = NULL,
         attempts = migrations.attempts + 1, started = excluded.started, ended = NULL,
         started_by = excluded.started_by, database_user = excluded.database_user`,
      [
        this.versionOf(migration),
        step?.number ?? 0,
        migration.file,
        checksumOf(migration, step),
        this.by,
      ],
    );
  }

  /** Deletes the records of the steps of a repeatable file, which all run again. */
  private async forgetSteps(migration: Migration): Promise<void> {
    const version = this.versionOf(migration);
    await this.connection.query(`DELETE FROM ${TABLE} WHERE version = $1 AND statement > 0`, [
      version,
    ]);
    for (const entry of [...this.entries.values()])
      if (entry.version === version && entry.statement > 0)
        this.entries.delete(key(version, entry.statement));
  }

  /** Records the progress of a statement in batches, within the transaction of the batch. */
  public async recordProgress(
    migration: Migration,
    step: MigrationStep,
    { key: batchKey, reached, changedRows }: BatchProgress,
  ): Promise<void> {
    await this.connection.query(
      `UPDATE ${TABLE} SET batch_key = $3, reached = $4, changed_rows = $5
       WHERE version = $1 AND statement = $2`,
      [this.versionOf(migration), step.number, batchKey, reached, changedRows],
    );
  }

  /** Remembers the progress once its transaction has committed. */
  public rememberProgress(migration: Migration, step: MigrationStep, made: BatchProgress): void {
    this.remember(migration, step, 'running', made);
  }

  /** Records the end of a step, within the transaction of the step if it has one. */
  public async recordDone(migration: Migration, step?: MigrationStep): Promise<void> {
    await this.recordEnd(migration, step, 'done', null);
  }

  /** Records the failure of a step. */
  public async recordFailure(
    migration: Migration,
    step: MigrationStep | undefined,
    error: string,
  ): Promise<void> {
    await this.recordEnd(migration, step, 'failed', error);
  }

  private async recordEnd(
    migration: Migration,
    step: MigrationStep | undefined,
    state: StepState,
    error: string | null,
  ) {
    await this.connection.query(
      `UPDATE ${TABLE} SET state = $3, error = $4, checksum = $5, ended = clock_timestamp()
       WHERE version = $1 AND statement = $2`,
      [this.versionOf(migration), step?.number ?? 0, state, error, checksumOf(migration, step)],
    );
    this.remember(migration, step, state);
  }

  private remember(
    migration: Migration,
    step: MigrationStep | undefined,
    state: StepState,
    made?: BatchProgress,
  ): void {
    const version = this.versionOf(migration);
    const statement = step?.number ?? 0;
    const before = this.entries.get(key(version, statement));
    this.entries.set(key(version, statement), {
      version,
      statement,
      file: migration.file,
      checksum: checksumOf(migration, step),
      state,
      batch_key: made ? made.key : before?.batch_key,
      reached: made ? made.reached : before?.reached,
      changed_rows: made ? String(made.changedRows) : before?.changed_rows,
    });
  }
}

async function tableState(
  connection: PostgresConnection,
): Promise<{ exists: boolean; isCurrent: boolean }> {
  const [row] = await rowsOf<{ exists: boolean; isCurrent: boolean }>(
    connection,
    `SELECT to_regclass('${TABLE}') IS NOT NULL AS exists,
       EXISTS (
         SELECT FROM pg_attribute
         WHERE attrelid = to_regclass('${TABLE}') AND attname = 'changed_rows') AS "isCurrent"`,
  );
  return row ?? { exists: false, isCurrent: false };
}

const STATES: Readonly<Record<StepState, string>> = {
  done: 'has run',
  running: 'was interrupted',
  failed: 'failed',
};

function gone(entry: HistoryEntry, files: number): Error {
  return invalidOption(entry.file, {
    property: 'a file that was applied',
    value: undefined,
    allowed: 'in the folder',
    rule:
      `The database has applied version ${entry.version}, ` + `and the folder ends at ${files}.`,
    fix: 'Run the newest folder. To undo a migration, write a further one.',
  });
}

function changed(
  migration: Migration,
  entry: HistoryEntry,
  step: MigrationStep | undefined,
  checksum: string | undefined,
): Error {
  const line = step?.opening?.line ?? step?.statements[0]?.line;
  return invalidOption(line === undefined ? migration.file : `${migration.file}:${line}`, {
    property:
      entry.statement === 0
        ? 'a file that was applied'
        : `statement ${entry.statement}, which ${STATES[entry.state]}`,
    value: `SHA-256 ${checksum?.slice(0, 12) ?? 'of nothing'}`,
    allowed: `as it was then, SHA-256 ${entry.checksum.slice(0, 12)}`,
    rule: 'Other databases ran the old text, and would never run the new one.',
    fix: 'Restore the old text, and put the change into a further migration.',
  });
}

function stepOf(migration: Migration, number: number): MigrationStep | undefined {
  return migration.steps.find((step) => step.number === number);
}

function checksumOf(migration: Migration, step: MigrationStep | undefined): string {
  return step === undefined ? migration.checksum : sha256(step.text);
}

function key(version: number, statement: number): string {
  return `${version}/${statement}`;
}
