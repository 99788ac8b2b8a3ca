/**
 * How many server connections one pooler may open, so that all of a region together stay within
 * what a PostgreSQL instance has for them.
 */
import type { PgbouncerDatabase } from './pgbouncer';

/**
 * Poolers that run beside the fleet while one is replaced: the new one, which serves before the old
 * one goes, and an old one whose clients finish. The old one still holds its server connections
 * then.
 */
export const POOLERS_IN_EXCHANGE = 2;

export interface ConnectionBudget {
  /**
   * What one PostgreSQL instance has for the poolers of a region: max_connections less the reserve.
   */
  readonly connections: number;
  /** The poolers of the region. */
  readonly poolers: number;
  readonly databases: Readonly<Record<string, PgbouncerDatabase>>;
}

/**
 * The most that max_db_connections may be. PgBouncer counts it per entry of `databases`, PostgreSQL
 * counts all together: entries with one host share its budget. A host that stands for several
 * replicas is counted as one, since all but one may be down.
 */
export function connectionsPerPooler({
  connections,
  poolers,
  databases,
}: ConnectionBudget): number {
  return Math.floor(
    connections / ((poolers + POOLERS_IN_EXCHANGE) * entriesOfBusiestHost(databases)),
  );
}

export function entriesOfBusiestHost(
  databases: Readonly<Record<string, PgbouncerDatabase>>,
): number {
  const entries = new Map<string, number>();
  for (const { host } of Object.values(databases)) entries.set(host, (entries.get(host) ?? 0) + 1);
  return Math.max(1, ...entries.values());
}
