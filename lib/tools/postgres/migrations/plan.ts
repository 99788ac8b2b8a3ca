import type { PostgresConnection } from '../connection';
import { Catalog } from './catalog';
import { checkAgainstCatalog } from './catalog-checks';
import { at, checkStatements } from './checks';
import type { Migration, MigrationStatement } from './files';
import { MigrationHistory, type StepState } from './history';
import { checkNoPooler } from './session';

export interface PlannedStatement {
  readonly where: string;
  readonly what: string;
  readonly target: string | undefined;
  readonly lock: string;
  /** `in a transaction`, `in a transaction of its own`, `outside` or `repeated` for a setting. */
  readonly runs: string;
  /** What the history says of it. */
  readonly state: StepState | undefined;
}

/** What a run would do. */
export interface MigrationPlan {
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
  outside: 'outside',
  session: 'repeated',
} as const;

/**
 * Checks all that a run checks, changes nothing and takes no lock.
 *
 * @throws IsochroneError for what a run would refuse
 */
export async function planMigrations(
  connection: PostgresConnection,
  migrations: readonly Migration[],
  options: { readonly largeTableBytes?: number } = {},
): Promise<MigrationPlan> {
  checkStatements(migrations);
  await checkNoPooler(connection);
  const history = await MigrationHistory.read(connection, '');
  history.check(migrations);
  const catalog = new Catalog(connection);
  const pending = migrations.filter((migration) => !history.isApplied(migration));
  const isDone = (migration: Migration, { number }: MigrationStatement) =>
    history.state(migration, number) === 'done';
  await checkAgainstCatalog(pending, catalog, options.largeTableBytes, isDone);
  return {
    before: migrations.length - pending.length,
    pending: pending.map((migration) => {
      const transactional = migration.transactional && !history.isBegunByStatement(migration);
      return {
        file: migration.file,
        transactional,
        statements: migration.statements.map((statement) => ({
          where: at(migration, statement),
          what: statement.perPartition ? `${statement.what}, per partition` : statement.what,
          target: statement.target?.text,
          lock: statement.lock,
          runs:
            !transactional && statement.runs === 'transaction' ? RUNS.alone : RUNS[statement.runs],
          state: history.state(migration, statement.number),
        })),
      };
    }),
    invalidIndexes: await catalog.invalidIndexes(),
  };
}

/** The plan as text for people. */
export function formatMigrationPlan({ before, pending, invalidIndexes }: MigrationPlan): string {
  const lines = [`${before} applied, ${pending.length} to apply.`];
  for (const { file, transactional, statements } of pending) {
    lines.push('', `${file}: ${transactional ? 'one transaction' : 'statement by statement'}`);
    for (const { where, what, target, lock, runs, state } of statements) {
      const line = where.slice(where.indexOf(':') + 1);
      const shown = state === undefined ? '' : ` [${state}]`;
      lines.push(
        `  ${line}: ${what}${target === undefined ? '' : ` ${target}`}${shown}`,
        `     lock: ${lock}; ${runs}`,
      );
    }
  }
  if (invalidIndexes.length > 0)
    lines.push(
      '',
      `INVALID indexes, which cost writes and serve no reads: ${invalidIndexes.join(', ')}`,
    );
  return lines.join('\n');
}
