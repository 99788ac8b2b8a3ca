import { loadSqlParser } from '../../../model/sql';
import type { PostgresConnection } from '../connection';
import { baselineOf } from './baseline';
import { Catalog, invalidIndexesMessage } from './catalog';
import { checkAgainstCatalog } from './catalog-checks';
import { at, checkStatements } from './checks';
import type { Migration, MigrationStatement } from './files';
import { MigrationHistory, type StepState } from './history';
import { shown } from './names';
import { checkBatches } from './runner';
import { checkNoPooler } from './session';
import { opensOrEnds } from './steps';

export interface PlannedStatement {
  readonly where: string;
  readonly command: string;
  readonly target: string | undefined;
  readonly lock: string;
  /** How it runs, as one of the texts of `RUNS`. */
  readonly runs: string;
  /** Its state in the history; undefined if it never ran. */
  readonly state: StepState | undefined;
}

/** The statements that a run would execute. */
export interface MigrationPlan {
  /** How many files were applied before. */
  readonly before: number;
  readonly pending: readonly {
    readonly file: string;
    readonly transactional: boolean;
    readonly statements: readonly PlannedStatement[];
  }[];
  readonly invalidIndexes: readonly string[];
}

const RUNS = {
  transaction: 'in a transaction',
  alone: 'in a transaction of its own',
  outside: 'outside a transaction',
  session: 'repeated before each statement',
  batches: 'in batches',
} as const;

/**
 * Makes the plan of a run. It performs all checks of a run, changes nothing and takes no lock.
 *
 * @throws IsochroneError for every problem that a run would refuse
 */
export async function planMigrations(
  connection: PostgresConnection,
  migrations: readonly Migration[],
  options: { readonly largeTableBytes?: number; readonly baseline?: string } = {},
): Promise<MigrationPlan> {
  await loadSqlParser();
  await checkNoPooler(connection);
  const history = await MigrationHistory.read(connection, '');
  history.match(migrations);
  const baseline = await baselineOf(connection, migrations, history, options.baseline);
  history.assumeApplied(baseline.applied);
  history.check(migrations);
  const catalog = new Catalog(connection);
  const pending = migrations.filter((migration) => !history.isApplied(migration));
  checkStatements(pending);
  const stateOf = (migration: Migration, statement: MigrationStatement) =>
    history.stateOf(migration, statement);
  await checkAgainstCatalog(pending, catalog, options.largeTableBytes, stateOf);
  await checkBatches(connection, pending, stateOf);
  return {
    before: migrations.length - pending.length,
    pending: pending.map((migration) => {
      const transactional = migration.transactional && !history.isBegunByStep(migration);
      return {
        file: migration.file,
        transactional,
        statements: migration.statements
          .filter(({ node }) => !opensOrEnds(node))
          .map((statement) => ({
            where: at(migration, statement),
            command: statement.perPartition
              ? `${statement.command}, per partition`
              : statement.command,
            target: statement.target && shown(statement.target),
            lock: statement.lock,
            runs: runsAs(statement, transactional),
            state: history.stateOf(migration, statement),
          })),
      };
    }),
    invalidIndexes: await catalog.invalidIndexes(),
  };
}

function runsAs({ runs, batch, step, number }: MigrationStatement, transactional: boolean): string {
  if (batch) {
    const every = batch.pauseMs === 0 ? '' : `, with pauses of ${batch.pauseMs} ms`;
    return `in batches of ${batch.rows} rows by ${batch.columns.join(', ')}${every}`;
  }
  if (transactional || runs !== 'transaction') return RUNS[runs];
  return step === number ? RUNS.alone : RUNS.transaction;
}

/** Formats the plan as text. */
export function formatMigrationPlan({ before, pending, invalidIndexes }: MigrationPlan): string {
  const lines = [`${before} applied, ${pending.length} to apply.`];
  for (const { file, transactional, statements } of pending) {
    lines.push('', `${file}: ${transactional ? 'one transaction' : 'statement by statement'}`);
    for (const { where, command, target, lock, runs, state } of statements) {
      const line = where.slice(where.indexOf(':') + 1);
      const shown = state === undefined ? '' : ` [${state}]`;
      lines.push(
        `  ${line}: ${command}${target === undefined ? '' : ` ${target}`}${shown}`,
        `     lock: ${lock}; ${runs}`,
      );
    }
  }
  if (invalidIndexes.length > 0) lines.push('', invalidIndexesMessage(invalidIndexes));
  return lines.join('\n');
}
