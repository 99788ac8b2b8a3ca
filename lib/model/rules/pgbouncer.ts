/** The rules of PgBouncer and of a fleet of poolers. */
import type { Rule } from './rule';

/**
 * Poolers that run beside the fleet while one is replaced: the new one, which serves before the old
 * one goes, and an old one whose clients finish. The old one still holds its server connections.
 */
export const POOLERS_IN_EXCHANGE = 2;

/** The sizes of one pool. */
interface PoolSizes {
  /** default_pool_size. */
  readonly defaultPoolSize: number;
  /** reserve_pool_size. */
  readonly reservePoolSize: number;
}

/** What divides the server connections of one PostgreSQL instance among the poolers of a region. */
interface ConnectionBudget extends PoolSizes {
  /** max_connections of the instance, less the connections that the poolers must leave free. */
  readonly connections: number;
  readonly poolers: number;
  /** Databases of PgBouncer that may lead to the same instance. */
  readonly databasesPerInstance: number;
}

/** Server connections that the poolers open at most when each holds one full pool per database. */
function connectionsNeeded(budget: Omit<ConnectionBudget, 'connections'>): number {
  const { poolers, databasesPerInstance, defaultPoolSize, reservePoolSize } = budget;
  return (
    (poolers + POOLERS_IN_EXCHANGE) * databasesPerInstance * (defaultPoolSize + reservePoolSize)
  );
}

/** The most poolers that the connections of an instance bear. */
function mostPoolers(budget: Omit<ConnectionBudget, 'poolers'>): number {
  const { connections, databasesPerInstance, defaultPoolSize, reservePoolSize } = budget;
  const perPooler = databasesPerInstance * (defaultPoolSize + reservePoolSize);
  return Math.max(0, Math.floor(connections / perPooler) - POOLERS_IN_EXCHANGE);
}

function budgetRule(budget: ConnectionBudget): string {
  return (
    `(${budget.poolers} poolers + ${POOLERS_IN_EXCHANGE} while one is replaced) × ` +
    `${budget.databasesPerInstance} databases of one instance × ` +
    `(${budget.defaultPoolSize} + ${budget.reservePoolSize}) = ${connectionsNeeded(budget)} ` +
    `server connections, but an instance has ${budget.connections} for the poolers: ` +
    'max_connections less the reserve.'
  );
}

const BUDGET_FIX =
  'Lower the number of poolers, `defaultPoolSize` or `reservePoolSize`, or raise max_connections ' +
  'with the instance class.';

/** The number of poolers, given the connections that they share. */
export const POOLERS_WITHIN_BUDGET: Rule<number, Omit<ConnectionBudget, 'poolers'>> = {
  allows: (poolers, budget) => poolers <= mostPoolers(budget),
  allowed: (_, budget) =>
    `at most ${mostPoolers(budget)} with pools of ` +
    `${budget.defaultPoolSize} + ${budget.reservePoolSize} connections`,
  rule: (poolers, budget) => budgetRule({ ...budget, poolers }),
  fix: BUDGET_FIX,
};

/** The connections that poolers share, given their number. */
export const BUDGET_OF_POOLERS: Rule<number, Omit<ConnectionBudget, 'connections'>> = {
  allows: (connections, budget) => connections >= connectionsNeeded(budget),
  allowed: (_, budget) => `at least ${connectionsNeeded(budget)} for ${budget.poolers} poolers`,
  rule: (connections, budget) => budgetRule({ ...budget, connections }),
  fix: BUDGET_FIX,
};

/** min_pool_size, given the size of the pool. */
export const MIN_POOL_SIZE: Rule<number, Pick<PoolSizes, 'defaultPoolSize'>> = {
  allows: (minPoolSize, { defaultPoolSize }) => minPoolSize <= defaultPoolSize,
  allowed: (_, { defaultPoolSize }) => `at most the pool size, ${defaultPoolSize}`,
  rule: 'PgBouncer never opens more than default_pool_size, so it never reaches a larger minimum.',
  fix: 'Lower it, or raise `defaultPoolSize`.',
};

/** max_db_connections, given the sizes of a pool. */
export const MAX_DATABASE_CONNECTIONS: Rule<number, PoolSizes> = {
  allows: (most, { defaultPoolSize, reservePoolSize }) => defaultPoolSize + reservePoolSize <= most,
  allowed: (_, { defaultPoolSize, reservePoolSize }) =>
    `at least ${defaultPoolSize + reservePoolSize}`,
  rule: 'A pool with its reserve must fit under max_db_connections, or the reserve never opens.',
  fix: 'Raise it, or lower `defaultPoolSize` or `reservePoolSize`.',
};
