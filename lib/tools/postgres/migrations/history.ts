import { invalidOption } from '../../../model/errors';
import { type PostgresConnection, rowsOf } from '../connection';
import type { Migration, MigrationStatement } from './files';

export type StepState = 'running' | 'done' | 'failed';

/**
 * The record of a file (statement 0), or of one statement of a file that runs statement by
 * statement.
 */
export interface HistoryEntry {
  readonly version: number;
  readonly statement: number;
  readonly file: string;
  /** The SHA-256 of the file or of the statement. */
  readonly checksum: string;
  readonly state: StepState;
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
  PRIMARY KEY (version, statement)
)`;

/** The history in the database: as read when the run started, and as the run continued it. */
export class MigrationHistory {
  /** @param by who runs the migrations, for `started_by` */
  private constructor(
    private readonly connection: PostgresConnection,
    private readonly by: string,
    private readonly entries: Map<string, HistoryEntry>,
  ) {}

  /** Reads the history. Without the table, nothing has been applied. */
  public static async read(connection: PostgresConnection, by: string): Promise<MigrationHistory> {
    const rows = (await tableExists(connection))
      ? await rowsOf<HistoryEntry>(
          connection,
          `SELECT version, statement, file, checksum, state FROM ${TABLE} ORDER BY 1, 2`,
        )
      : [];
    return new MigrationHistory(
      connection,
      by,
      new Map(rows.map((row) => [key(row.version, row.statement), row])),
    );
  }

  /** Creates the table. The lock of the run must be held, because two runs would conflict. */
  public async create(): Promise<void> {
    if (!(await tableExists(this.connection)))
      await this.connection.query(`CREATE SCHEMA IF NOT EXISTS isochrone; ${CREATE}`);
  }

  /** Whether the whole file was applied. */
  public isApplied(migration: Migration): boolean {
    return this.state(migration, 0) === 'done';
  }

  /**
   * Whether statements of the file ran one by one. The file then continues so, even if it was
   * corrected to a text that one transaction could hold.
   */
  public isBegunByStatement({ version, statements }: Migration): boolean {
    return statements.some(
      ({ number }) => this.entries.get(key(version, number))?.state === 'done',
    );
  }

  /** Whether a step ran before with another text. */
  public isCorrected(migration: Migration, statement: MigrationStatement): boolean {
    const before = this.entries.get(key(migration.version, statement.number));
    return before !== undefined && before.checksum !== statement.checksum;
  }

  /** The state of a statement, or of the file as statement 0; undefined if it never ran. */
  public state(migration: Migration, statement: number): StepState | undefined {
    return this.entries.get(key(migration.version, statement))?.state;
  }

  /**
   * Compares the history with the folder.
   *
   * @throws IsochroneError for a file that was changed after it was applied, or that is gone; in a
   * file that was begun, only statements that failed or have not run may change
   */
  public check(migrations: readonly Migration[]): void {
    const missing = migrations.find((migration) => !this.isApplied(migration));
    for (const entry of this.entries.values()) {
      if (missing && entry.version > missing.version) {
        throw invalidOption(missing.file, {
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
      const migration = migrations[entry.version - 1];
      if (migration === undefined) {
        throw invalidOption(entry.file, {
          property: 'a file that was applied',
          value: undefined,
          allowed: 'in the folder',
          rule:
            `The database has applied version ${entry.version}, ` +
            `and the folder ends at ${migrations.length}.`,
          fix: 'Run the newest folder. To undo a migration, write a further one.',
        });
      }
      const statement = migration.statements[entry.statement - 1];
      const checksum = entry.statement === 0 ? migration.checksum : statement?.checksum;
      const fixed = entry.state === 'done' || (entry.state === 'running' && entry.statement > 0);
      if (!fixed || checksum === entry.checksum) continue;
      throw invalidOption(
        entry.statement === 0 || !statement
          ? migration.file
          : `${migration.file}:${statement.line}`,
        {
          property:
            entry.statement === 0
              ? 'a file that was applied'
              : `statement ${entry.statement}, which ${STATES[entry.state]}`,
          value: `SHA-256 ${checksum?.slice(0, 12) ?? 'of nothing'}`,
          allowed: `as it was then, SHA-256 ${entry.checksum.slice(0, 12)}`,
          rule: 'Other databases ran the old text, and would never run the new one.',
          fix: 'Restore the old text, and put the change into a further migration.',
        },
      );
    }
  }

  /**
   * Records the start of a step. It commits before the step runs, so that an interrupted step
   * leaves a trace.
   */
  public async recordStart(migration: Migration, statement?: MigrationStatement): Promise<void> {
    await this.connection.query(
      `INSERT INTO ${TABLE} (version, statement, file, checksum, state, started_by)
       VALUES ($1, $2, $3, $4, 'running', $5)
       ON CONFLICT (version, statement) DO UPDATE SET
         file = excluded.file, checksum = excluded.checksum, state = 'running', error = NULL,
         attempts = migrations.attempts + 1, started = excluded.started, ended = NULL,
         started_by = excluded.started_by, database_user = excluded.database_user`,
      [
        migration.version,
        statement?.number ?? 0,
        migration.file,
        checksumOf(migration, statement),
        this.by,
      ],
    );
  }

  /** Records the end of a step, within the transaction of the step if it has one. */
  public async recordDone(migration: Migration, statement?: MigrationStatement): Promise<void> {
    await this.recordEnd(migration, statement, 'done', null);
  }

  /** Records the failure of a step. */
  public async recordFailure(
    migration: Migration,
    statement: MigrationStatement | undefined,
    error: string,
  ): Promise<void> {
    await this.recordEnd(migration, statement, 'failed', error);
  }

  private async recordEnd(
    migration: Migration,
    statement: MigrationStatement | undefined,
    state: StepState,
    error: string | null,
  ) {
    const number = statement?.number ?? 0;
    await this.connection.query(
      `UPDATE ${TABLE} SET state = $3, error = $4, checksum = $5, ended = clock_timestamp()
       WHERE version = $1 AND statement = $2`,
      [migration.version, number, state, error, checksumOf(migration, statement)],
    );
    const entry = {
      version: migration.version,
      statement: number,
      file: migration.file,
      checksum: checksumOf(migration, statement),
      state,
    };
    this.entries.set(key(migration.version, number), entry);
  }
}

async function tableExists(connection: PostgresConnection): Promise<boolean> {
  const [row] = await rowsOf<{ table: string | null }>(
    connection,
    `SELECT to_regclass('${TABLE}')::text AS table`,
  );
  return Boolean(row?.table);
}

const STATES: Readonly<Record<StepState, string>> = {
  done: 'has run',
  running: 'was interrupted',
  failed: 'failed',
};

function checksumOf(migration: Migration, statement: MigrationStatement | undefined): string {
  return statement?.checksum ?? migration.checksum;
}

function key(version: number, statement: number): string {
  return `${version}/${statement}`;
}
