/**
 * Advice on the queries of a database: which are slow, why, and which index would help. It reads
 * the statistics of PostgreSQL and asks for plans. It never runs a statement that it advises on,
 * and writes nothing: everything happens in one read-only transaction.
 */
import type { ClientBase } from 'pg';
import { IsochroneError } from '../../../model/errors';
import { type CatalogFinding, catalogFindings } from './catalog';
import { attempt, bestIndex, genericPlan, tableFacts } from './explain';
import { indexCandidates, type PlanFinding, planFindings } from './plan';

export interface AdviceOptions {
  /**
   * The mean time from which a statement is slow, in milliseconds.
   *
   * @default 100 - as `log_min_duration_statement` of our parameter groups
   */
  readonly slowMilliseconds?: number;
  /**
   * How many slow statements are examined, in descending order of their total time.
   *
   * @default 20
   */
  readonly statements?: number;
  /**
   * How many times cheaper a plan must become for an index to be advised, because every index slows
   * writes.
   *
   * @default 2
   */
  readonly factor?: number;
  /**
   * `statement_timeout` of each query of the advisor, in milliseconds.
   *
   * @default 5000
   */
  readonly timeoutMilliseconds?: number;
}

export interface SlowStatement {
  /** The query id as text, because it has 64 bits. */
  readonly queryId: string;
  /**
   * The text as pg_stat_statements normalizes it: constants are `$1`, …; comments and names are
   * unchanged.
   */
  readonly statement: string;
  readonly calls: number;
  readonly meanMilliseconds: number;
  readonly totalMilliseconds: number;
  /** Why the statement has no plan; missing if it has one. */
  readonly notPlanned?: string;
}

export interface SlowFinding {
  readonly kind: 'slow-statement';
  readonly subject: string;
  readonly message: string;
}

export interface MissingIndex {
  readonly kind: 'missing-index';
  readonly subject: string;
  readonly message: string;
  /** The statement that creates the index. Run it as a migration, outside of a transaction. */
  readonly fix: string;
  /** The cost of the plan without the index, in units of the planner. */
  readonly costBefore: number;
  /** The cost of the plan with the index, in units of the planner. */
  readonly costAfter: number;
  /** The estimated size of the index. */
  readonly sizeBytes: number;
}

export type AdviceFinding = (CatalogFinding | PlanFinding | SlowFinding | MissingIndex) & {
  /** The statement that it concerns, if it concerns one. */
  readonly queryId?: string;
};

export interface Advice {
  readonly statements: readonly SlowStatement[];
  readonly findings: readonly AdviceFinding[];
  /** What could not be examined, and how to make it possible. */
  readonly notes: readonly string[];
}

const SLOW = `
  SELECT s.queryid::text AS "queryId", s.query AS statement, sum(s.calls)::float8 AS calls,
         sum(s.total_exec_time) / sum(s.calls) AS "meanMilliseconds",
         sum(s.total_exec_time) AS "totalMilliseconds"
    FROM pg_stat_statements AS s
   WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
     AND s.calls > 0 AND s.toplevel AND s.queryid IS NOT NULL
   GROUP BY s.queryid, s.query
  HAVING sum(s.total_exec_time) / sum(s.calls) > $1
   ORDER BY "totalMilliseconds" DESC
   LIMIT $2`;

/**
 * The slow statements of other roles, whose texts are hidden: "pg_stat_statements", PostgreSQL
 * documentation.
 */
const HIDDEN = `
  SELECT count(*)::int AS statements
    FROM pg_stat_statements AS s
   WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
     AND s.queryid IS NULL AND s.mean_exec_time > $1`;

/**
 * Examines one database.
 *
 * @param client a connection that nothing else uses meanwhile; a role with `pg_read_all_stats` sees
 * the statements of all roles
 * @throws IsochroneError for invalid options
 */
export async function advise(client: ClientBase, options: AdviceOptions = {}): Promise<Advice> {
  const {
    slowMilliseconds = 100,
    statements: limit = 20,
    factor = 2,
    timeoutMilliseconds = 5000,
  } = options;
  if (!(factor > 1) || !(slowMilliseconds > 0) || !(limit >= 1) || !(timeoutMilliseconds >= 1)) {
    throw new IsochroneError(
      'advise: factor must be above 1, and the other options above 0, ' +
        `got ${JSON.stringify(options)}.\n` +
        'An index that makes no plan cheaper only slows writes. Omit the options for the defaults.',
    );
  }
  await client.query('BEGIN READ ONLY');
  try {
    await client.query(`SET LOCAL statement_timeout = ${Math.ceil(timeoutMilliseconds)}`);
    const notes: string[] = [];
    const { rows } = await client.query<{ bytes: number }>(
      `SELECT pg_size_bytes(current_setting('work_mem'))::float8 AS bytes`,
    );
    const workMemBytes = rows[0]?.bytes ?? 0;
    const hasHypopg = await hasExtension(client, 'hypopg');
    if (!hasHypopg)
      notes.push(
        'hypopg is not installed, so no index was tried. ' +
          'Run `CREATE EXTENSION hypopg` on the primary; RDS offers it.',
      );
    const slow = await slowStatements(client, slowMilliseconds, limit, notes);
    const tables = await tableFacts(client);

    const statements: SlowStatement[] = [];
    const findings: AdviceFinding[] = [];
    for (const statement of slow) {
      const { queryId, calls, meanMilliseconds } = statement;
      const text = shortened(statement.statement);
      const message = `${calls} calls of ${meanMilliseconds.toFixed(1)} ms: ${text}`;
      findings.push({ kind: 'slow-statement', subject: queryId, message, queryId });
      const planned = await attempt(client, () => genericPlan(client, statement.statement));
      if ('error' in planned) {
        statements.push({ ...statement, notPlanned: planned.error });
        continue;
      }
      statements.push(statement);
      const plan = planned.value;
      findings.push(
        ...planFindings(plan, tables, workMemBytes).map((finding) => ({ ...finding, queryId })),
      );
      if (!hasHypopg) continue;
      const best = await bestIndex(client, statement.statement, indexCandidates(plan, tables), {
        factor,
        costBefore: plan['Total Cost'],
      });
      if (best !== undefined) findings.push({ ...missingIndex(best), queryId });
    }
    findings.push(...(await catalogFindings(client)));
    return { statements, findings, notes };
  } finally {
    await client.query('ROLLBACK');
  }
}

async function hasExtension(client: ClientBase, name: string): Promise<boolean> {
  return (
    ((await client.query('SELECT FROM pg_extension WHERE extname = $1', [name])).rowCount ?? 0) > 0
  );
}

async function slowStatements(
  client: ClientBase,
  slowMilliseconds: number,
  limit: number,
  notes: string[],
): Promise<SlowStatement[]> {
  if (!(await hasExtension(client, 'pg_stat_statements'))) {
    notes.push(
      'pg_stat_statements is not installed, so no statement was examined. ' +
        'Run `CREATE EXTENSION pg_stat_statements` on the primary.',
    );
    return [];
  }
  const slow = await attempt(
    client,
    async () => (await client.query<SlowStatement>(SLOW, [slowMilliseconds, limit])).rows,
  );
  if ('error' in slow) {
    notes.push(
      `pg_stat_statements cannot be read: ${slow.error}. It must be in shared_preload_libraries.`,
    );
    return [];
  }
  const [hidden] = (await client.query<{ statements: number }>(HIDDEN, [slowMilliseconds])).rows;
  if (hidden !== undefined && hidden.statements > 0) {
    notes.push(
      `${hidden.statements} slow statements of other roles are hidden. ` +
        '`GRANT pg_read_all_stats` to this role shows them.',
    );
  }
  return slow.value;
}

function missingIndex(best: NonNullable<Awaited<ReturnType<typeof bestIndex>>>): MissingIndex {
  const { table, columns, costBefore, costAfter, sizeBytes } = best;
  const subject = `${table} (${columns.join(', ')})`;
  const times = (costBefore / costAfter).toFixed(1);
  return {
    kind: 'missing-index',
    subject,
    message:
      `An index on ${subject} would make the plan ${times} times cheaper, ` +
      `and take about ${Math.ceil(sizeBytes / 1024 / 1024)} MiB.`,
    fix: `CREATE INDEX CONCURRENTLY ON ${subject};`,
    costBefore,
    costAfter,
    sizeBytes,
  };
}

function shortened(statement: string): string {
  const line = statement.replace(/\s+/g, ' ').trim();
  return line.length > 160 ? `${line.slice(0, 159)}…` : line;
}

/** Formats the advice as text. */
export function formatAdvice({ statements, findings, notes }: Advice): string {
  const lines = findings.map(
    ({ kind, message, ...rest }) =>
      `${kind}\n  ${message}${'fix' in rest && rest.fix ? `\n  ${rest.fix}` : ''}`,
  );
  const unplanned = statements.flatMap(({ queryId, notPlanned }) =>
    notPlanned ? [`Statement ${queryId} has no plan: ${notPlanned}`] : [],
  );
  if (lines.length === 0)
    lines.push('No statement is slow, and no index or table needs attention.');
  return [...lines, ...unplanned, ...notes].join('\n');
}
