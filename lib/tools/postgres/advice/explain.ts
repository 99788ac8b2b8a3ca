/** Plans of statements without running them, also with an index that does not exist. */
import type { ClientBase, QueryConfig } from 'pg';
import type { IndexCandidate, PlanNode, TableFacts } from './plan';

/** Matches statements that can be planned: neither utility commands nor several statements. */
const PLANNABLE =
  /^\s*(?:\/\*[\s\S]*?\*\/\s*)*(?:select|with|insert|update|delete|merge|values|table)\b/i;

/** An index that was tried and makes a plan cheaper. */
export interface TriedIndex extends IndexCandidate {
  readonly costBefore: number;
  readonly costAfter: number;
  /** The size as hypopg estimates it. */
  readonly sizeBytes: number;
}

/**
 * The generic plan, which PostgreSQL uses whatever the values of the parameters are. The statement
 * is planned, never run; functions that are declared immutable or stable may be evaluated during
 * planning, as always.
 *
 * PostgreSQL 16 has `EXPLAIN (GENERIC_PLAN)`, but it cannot use the extended protocol, which alone
 * guarantees that a text from elsewhere is a single statement. A prepared statement can, in every
 * version.
 *
 * @throws the error of PostgreSQL: a normalized statement cannot always be planned, such as
 * `interval $1`
 */
export async function genericPlan(client: ClientBase, statement: string): Promise<PlanNode> {
  if (!PLANNABLE.test(statement)) throw new Error('It is not a query.');
  await client.query('SET LOCAL plan_cache_mode = force_generic_plan');
  await client.query({
    text: `PREPARE isochrone_advice AS ${statement}`,
    queryMode: 'extended',
  } as QueryConfig);
  try {
    const { rows } = await client.query<{ n: number }>(
      `SELECT cardinality(parameter_types) AS n
       FROM pg_prepared_statements WHERE name = 'isochrone_advice'`,
    );
    const nulls = Array.from({ length: rows[0]?.n ?? 0 }, () => 'NULL').join(', ');
    const values = nulls === '' ? '' : `(${nulls})`;
    return planIn(
      await client.query(`EXPLAIN (FORMAT JSON, VERBOSE) EXECUTE isochrone_advice${values}`),
    );
  } finally {
    // A prepared statement keeps its plan, and outlives the transaction. After an error, DEALLOCATE
    // fails, because the caller first has to roll back to its savepoint.
    await client.query('DEALLOCATE isochrone_advice').catch(() => undefined);
  }
}

function planIn({ rows }: { rows: readonly unknown[] }): PlanNode {
  const [row] = rows as { 'QUERY PLAN': { Plan: PlanNode }[] }[];
  const plan = row?.['QUERY PLAN'][0]?.Plan;
  if (plan === undefined) throw new Error('PostgreSQL gave no plan.');
  return plan;
}

/** Runs work that may fail without ending the transaction. */
export async function attempt<T>(
  client: ClientBase,
  work: () => Promise<T>,
): Promise<{ readonly value: T } | { readonly error: string }> {
  await client.query('SAVEPOINT isochrone_attempt');
  try {
    const value = await work();
    await client.query('RELEASE SAVEPOINT isochrone_attempt');
    return { value };
  } catch (error) {
    await client.query('ROLLBACK TO SAVEPOINT isochrone_attempt');
    await client.query('DEALLOCATE ALL');
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

/** The estimated rows of all tables, by `schema.name`. */
export async function tableFacts(client: ClientBase): Promise<Map<string, TableFacts>> {
  const { rows } = await client.query<{ name: string; rows: number }>(`
    SELECT format('%I.%I', n.nspname, c.relname) AS name, greatest(c.reltuples, 0)::float8 AS rows
      FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema')`);
  return new Map(rows.map(({ name, rows: estimate }) => [name, { rows: estimate }]));
}

/**
 * Tries candidates with hypopg, which presents hypothetical indexes to the planner for the length
 * of the session. Nothing is built.
 *
 * @returns the cheapest candidate that lowers the cost at least by `factor`; of candidates of about
 * the same cost, the one with the fewest columns
 */
export async function bestIndex(
  client: ClientBase,
  statement: string,
  candidates: readonly IndexCandidate[],
  { factor, costBefore }: { readonly factor: number; readonly costBefore: number },
): Promise<TriedIndex | undefined> {
  const helpful: TriedIndex[] = [];
  for (const candidate of candidates) {
    const tried = await attempt(client, async () => {
      const { rows } = await client.query<{ indexrelid: string; bytes: string }>(
        `SELECT indexrelid::text, hypopg_relation_size(indexrelid)::text AS bytes
         FROM hypopg_create_index($1)`,
        [`CREATE INDEX ON ${candidate.table} (${candidate.columns.join(', ')})`],
      );
      const after = await genericPlan(client, statement);
      return { costAfter: after['Total Cost'], sizeBytes: Number(rows[0]?.bytes ?? 0) };
    });
    await client.query('SELECT hypopg_reset()');
    if ('value' in tried && costBefore / tried.value.costAfter >= factor)
      helpful.push({ ...candidate, costBefore, ...tried.value });
  }
  const cheapest = Math.min(...helpful.map(({ costAfter }) => costAfter));
  return helpful
    .filter(({ costAfter }) => costAfter <= cheapest * 1.05)
    .sort((a, b) => a.columns.length - b.columns.length || a.costAfter - b.costAfter)[0];
}
