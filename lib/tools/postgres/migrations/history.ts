import { type PostgresConnection, rowsOf } from '../connection';
import { type Migration, type MigrationStatement, refused } from './files';

export type StepState = 'running' | 'done' | 'failed';

/**
 * What the database keeps of a file (statement 0), or of one statement of a file that goes
 * statement by statement.
 */
export interface HistoryEntry {
  readonly version: number;
  readonly statement: number;
  readonly file: string;
  /** SHA-256 of the file, or of the statement. */
  readonly checksum: string;
  readonly state: StepState;
}

const TABLE = 'isochrone.migrations';

/** The states and times are of the last attempt; who applies it, too. Rows are never deleted. */
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

/**
 * The history in the database, as it was read when the run began and as this run went on with it.
 */
export class MigrationHistory {
  private constructor(
    private readonly connection: PostgresConnection,
    private readonly by: string,
    private readonly entries: Map<string, HistoryEntry>,
  ) {}

  /** Reads it; where there is none yet, nothing has been applied. */
  public static async read(connection: PostgresConnection, by: string): Promise<MigrationHistory> {
    const [there] = await rowsOf<{ table: string | null }>(
      connection,
      `SELECT to_regclass('${TABLE}')::text AS table`,
    );
    const rows = there?.table
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

  /** Under the lock of the run: two at once would be in each other's way. */
  public async create(): Promise<void> {
    const [there] = await rowsOf<{ table: string | null }>(
      this.connection,
      `SELECT to_regclass('${TABLE}')::text AS table`,
    );
    if (!there?.table)
      await this.connection.query(`CREATE SCHEMA IF NOT EXISTS isochrone; ${CREATE}`);
  }

  public isApplied(migration: Migration): boolean {
    return this.state(migration, 0) === 'done';
  }

  /**
   * Whether statements of it were done one by one: it goes on like that, also if it was corrected
   * to what a transaction could hold.
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

  public state(migration: Migration, statement: number): StepState | undefined {
    return this.entries.get(key(migration.version, statement))?.state;
  }

  /**
   * Compares it with the folder.
   *
   * @throws IsochroneError for a file that was changed after it was applied, or that has gone; of a
   * file that was begun, only statements that failed or have not run may change
   */
  public check(migrations: readonly Migration[]): void {
    const missing = migrations.find((migration) => !this.isApplied(migration));
    for (const entry of this.entries.values()) {
      if (missing && entry.version > missing.version) {
        throw refused(missing.file, {
          property: 'a file before one that was begun',
          value: this.state(missing, 0),
          allowed: 'done',
          rule: `The history has ${entry.file}, which runs after it: its record was deleted or changed by hand.`,
          fix: `Find out whether the database has what it makes, and bring its row in ${TABLE} back.`,
        });
      }
      const migration = migrations[entry.version - 1];
      if (migration === undefined) {
        throw refused(entry.file, {
          property: 'a file that was applied',
          value: undefined,
          allowed: 'in the folder',
          rule: `The database has had version ${entry.version}, and the folder ends at ${migrations.length}.`,
          fix: 'Run the newest folder; to take something back, write a further migration.',
        });
      }
      const statement = migration.statements[entry.statement - 1];
      const checksum = entry.statement === 0 ? migration.checksum : statement?.checksum;
      const fixed = entry.state === 'done' || (entry.state === 'running' && entry.statement > 0);
      if (!fixed || checksum === entry.checksum) continue;
      throw refused(
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
          fix: 'Bring the old text back, and put the change into a further migration.',
        },
      );
    }
  }

  /**
   * Says that a step begins. In a transaction of its own: what is interrupted must leave a trace.
   */
  public async begin(migration: Migration, statement?: MigrationStatement): Promise<void> {
    await this.connection.query(
      `INSERT INTO ${TABLE} (version, statement, file, checksum, state, started_by) VALUES ($1, $2, $3, $4, 'running', $5)
       ON CONFLICT (version, statement) DO UPDATE SET file = excluded.file, checksum = excluded.checksum, state = 'running', error = NULL,
         attempts = migrations.attempts + 1, started = excluded.started, ended = NULL, started_by = excluded.started_by,
         database_user = excluded.database_user`,
      [
        migration.version,
        statement?.number ?? 0,
        migration.file,
        checksumOf(migration, statement),
        this.by,
      ],
    );
  }

  /** Says that a step is through, in the transaction of the step where it has one. */
  public async done(migration: Migration, statement?: MigrationStatement): Promise<void> {
    await this.end(migration, statement, 'done', null);
  }

  public async failed(
    migration: Migration,
    statement: MigrationStatement | undefined,
    error: string,
  ): Promise<void> {
    await this.end(migration, statement, 'failed', error);
  }

  private async end(
    migration: Migration,
    statement: MigrationStatement | undefined,
    state: StepState,
    error: string | null,
  ) {
    const number = statement?.number ?? 0;
    await this.connection.query(
      `UPDATE ${TABLE} SET state = $3, error = $4, checksum = $5, ended = clock_timestamp() WHERE version = $1 AND statement = $2`,
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
