/**
 * Checks over the database: how many replicas one source may have, and that nobody can ask for more
 * connections than there are.
 */
import { RDS_POSTGRESQL } from '../../aws';
import type { Deployment } from '../deployment';
import { DATABASE_ROLES, physicalNames } from '../names';
import type { DeploymentProblem } from '../problem';
import { regionsOf } from './regions';

/**
 * Readers and writer of a region, which the poolers lead to under two names: while no replica is
 * fit, both are one instance.
 */
const POOLED_DATABASES = 2;

/**
 * Poolers beside the others while one is replaced: the new one, and an old one whose clients
 * finish.
 */
const POOLERS_IN_EXCHANGE = 2;

export function databaseProblems(deployment: Deployment): DeploymentProblem[] {
  return [
    ...replicaProblems(deployment),
    ...promotionProblems(deployment),
    ...upgradeProblems(deployment),
    ...connectionBudgetProblems(deployment),
    ...clientBudgetProblems(deployment),
    ...poolOrderProblems(deployment),
    ...storageProblems(deployment),
    ...roleProblems(deployment),
  ];
}

function replicaProblems(deployment: Deployment): DeploymentProblem[] {
  const { primaryRegion, regions } = deployment;
  const elsewhere = regionsOf(deployment).filter(([name]) => name !== primaryRegion);
  const withoutHub = elsewhere
    .filter(([, { readReplicas }]) => readReplicas < 1)
    .map(
      ([name, { readReplicas }]): DeploymentProblem => ({
        path: ['regions', name, 'readReplicas'],
        value: readReplicas,
        allowed: 'at least 1 outside the primary region',
        rule: 'Without a replica of its own, every read of this region crosses the ocean to the primary.',
        fix: 'Raise it to 1 for a hub alone, or to 3 for a hub with two leaves.',
      }),
    );
  const own = regions[primaryRegion]?.readReplicas ?? 0;
  // One place stays free, so that a replacement can be made before the old replica goes.
  const most = RDS_POSTGRESQL.replicasPerSource - Math.max(elsewhere.length, 1);
  if (own <= most) return withoutHub;
  return [
    ...withoutHub,
    {
      path: ['regions', primaryRegion, 'readReplicas'],
      value: own,
      allowed: `at most ${most}`,
      rule: `RDS for PostgreSQL allows ${RDS_POSTGRESQL.replicasPerSource} replicas of one source, and the hubs of other regions are replicas of the primary too; one place stays free for a replacement.`,
      fix: `Lower it to ${most}.`,
    },
  ];
}

function upgradeProblems({
  database: { engineVersion, upgradingFrom },
}: Deployment): DeploymentProblem[] {
  const major = Number.parseInt(engineVersion, 10);
  if (upgradingFrom === undefined || Number(upgradingFrom) < major) return [];
  return [
    {
      path: ['database', 'upgradingFrom'],
      value: upgradingFrom,
      allowed: `a major version below ${major}, that of \`engineVersion\``,
      rule: 'It says where a major upgrade begins, and RDS never goes back to an earlier version.',
      fix: 'Raise `engineVersion`, or remove it when the upgrade is done.',
    },
  ];
}

/**
 * What the file says of promotions must be true, or CloudFormation would make instances under names
 * that are taken.
 */
function promotionProblems(deployment: Deployment): DeploymentProblem[] {
  const { primaryRegion, database } = deployment;
  const { promotions } = database;
  const last = promotions.length - 1;
  if (last < 0) return [];
  // The region that each promotion led to is where the next one came from.
  const led = promotions.map((_, index) => promotions[index + 1]?.from ?? primaryRegion);
  const problems = promotions.flatMap(({ from }, index): DeploymentProblem[] =>
    from !== led[index]
      ? []
      : [
          {
            path: ['database', 'promotions', index, 'from'],
            value: from,
            allowed: `another region than ${led[index]}, where the hub is`,
            rule: 'A hub follows the primary of another region; each promotion leads to where the next one comes from, and the last one to `primaryRegion`.',
            fix:
              index === last
                ? `Name the region that was the primary one before, or set \`primaryRegion\` to that of ${promotions[index]?.instance}.`
                : 'Put the promotions in the order in which they were made.',
          },
        ],
  );
  const names = physicalNames(deployment);
  if (promotions[last]?.instance !== names.hub(primaryRegion)) {
    problems.push({
      path: ['database', 'promotions', last, 'instance'],
      value: promotions[last]?.instance,
      allowed: `the hub of the primary region: ${names.hub(primaryRegion)}`,
      rule: 'The instance that was promoted last is the primary. Under another name, CloudFormation would make an empty one, or let the true one go.',
      fix: 'Correct it, `primaryRegion`, or the `replicaGeneration` of that region, to what `isochrone promote` has printed.',
    });
  }
  return [
    ...problems,
    ...regionsOf(deployment).flatMap(([name, region]) =>
      generationProblems(name, region.replicaGeneration, led),
    ),
  ];
}

/**
 * Each promotion of another region's hub leaves the replicas of a region with a source that is
 * gone.
 */
function generationProblems(
  name: string,
  generation: number | undefined,
  led: readonly string[],
): DeploymentProblem[] {
  const least = 1 + led.filter((region) => region !== name).length;
  if ((generation ?? 1) >= least) return [];
  return [
    {
      path: ['regions', name, 'replicaGeneration'],
      value: generation,
      allowed: `at least ${least}: each promotion of a hub elsewhere takes one more`,
      rule: 'The replicas of this region followed another primary, and RDS gives a replica no other source: they must be made again, and their names are taken.',
      fix: `Set it to ${least}.`,
    },
  ];
}

/**
 * No instance may see more connections than it has: what it has is divided by all poolers that may
 * run at once, and each share must hold a pool.
 */
function connectionBudgetProblems(deployment: Deployment): DeploymentProblem[] {
  const { parameters, pooling } = deployment.database;
  if (parameters.reservedConnections >= parameters.maxConnections) {
    return [
      {
        path: ['database', 'parameters', 'reservedConnections'],
        value: parameters.reservedConnections,
        allowed: `less than max_connections, ${parameters.maxConnections}`,
        rule: 'What is reserved is taken from max_connections; nothing would be left for the poolers.',
        fix: 'Lower it, or raise `maxConnections`.',
      },
    ];
  }
  const budget = parameters.maxConnections - parameters.reservedConnections;
  const pool = pooling.defaultPoolSize + pooling.reservePoolSize;
  const most = Math.max(0, Math.floor(budget / (POOLED_DATABASES * pool)) - POOLERS_IN_EXCHANGE);
  return regionsOf(deployment)
    .filter(([, { poolers }]) => poolers > most)
    .map(([name, { poolers }]) => ({
      path: ['regions', name, 'poolers'],
      value: poolers,
      allowed: `at most ${most} with pools of ${pooling.defaultPoolSize} + ${pooling.reservePoolSize} connections`,
      rule:
        `(${poolers} + ${POOLERS_IN_EXCHANGE} while one is replaced) × ${POOLED_DATABASES} for readers and writer × ${pool} = ` +
        `${(poolers + POOLERS_IN_EXCHANGE) * POOLED_DATABASES * pool} server connections, ` +
        `but an instance has ${parameters.maxConnections} − ${parameters.reservedConnections} in reserve = ${budget}.`,
      fix: 'Lower `poolers`, `database.pooling.defaultPoolSize` or `database.pooling.reservePoolSize`, or raise `database.parameters.maxConnections` with the instance class.',
    }));
}

/**
 * The whole fleet at its largest must find room at the poolers, or its last instances start and
 * fail.
 */
function clientBudgetProblems(deployment: Deployment): DeploymentProblem[] {
  const { pooling, applicationPool } = deployment.database;
  return regionsOf(deployment).flatMap(([name, region]) => {
    const instances = region.maxInstances ?? deployment.service.maxInstances;
    // Without poolers, nothing here knows what is asked of the database.
    if (region.poolers === 0) return [];
    const wanted = instances * applicationPool.maxConnections;
    const offered = region.poolers * pooling.maxClientConnections;
    if (wanted <= offered) return [];
    return [
      {
        path: ['regions', name, 'poolers'],
        value: region.poolers,
        allowed: `at least ${Math.ceil(wanted / pooling.maxClientConnections)} for a fleet of this size`,
        rule:
          `${instances} instances × ${applicationPool.maxConnections} connections = ${wanted} clients, ` +
          `but ${region.poolers} poolers accept ${region.poolers} × ${pooling.maxClientConnections} = ${offered}.`,
        fix: 'Raise `poolers` or `database.pooling.maxClientConnections`, or lower `maxInstances` or `database.applicationPool.maxConnections`.',
      },
    ];
  });
}

function poolOrderProblems({
  database: { pooling, applicationPool, parameters },
}: Deployment): DeploymentProblem[] {
  const problems: DeploymentProblem[] = [];
  if (pooling.minPoolSize > pooling.defaultPoolSize) {
    problems.push({
      path: ['database', 'pooling', 'minPoolSize'],
      value: pooling.minPoolSize,
      allowed: `at most the pool size, ${pooling.defaultPoolSize}`,
      rule: 'PgBouncer never opens more than default_pool_size, so a larger minimum is never reached.',
      fix: 'Lower it, or raise `defaultPoolSize`.',
    });
  }
  if (pooling.defaultPoolSize + pooling.reservePoolSize > pooling.maxDatabaseConnections) {
    problems.push({
      path: ['database', 'pooling', 'maxDatabaseConnections'],
      value: pooling.maxDatabaseConnections,
      allowed: `at least ${pooling.defaultPoolSize + pooling.reservePoolSize}`,
      rule: 'One pool with its reserve must fit under max_db_connections, or the reserve can never open.',
      fix: 'Raise it, or lower `defaultPoolSize` or `reservePoolSize`.',
    });
  }
  if (applicationPool.minConnections > applicationPool.maxConnections) {
    problems.push({
      path: ['database', 'applicationPool', 'minConnections'],
      value: applicationPool.minConnections,
      allowed: `at most the largest number, ${applicationPool.maxConnections}`,
      rule: 'A pool cannot keep open more connections than it may open.',
      fix: 'Lower it, or raise `maxConnections`.',
    });
  }
  if (parameters.minWalSizeMiB > parameters.maxWalSizeMiB) {
    problems.push({
      path: ['database', 'parameters', 'minWalSizeMiB'],
      value: parameters.minWalSizeMiB,
      allowed: `at most max_wal_size, ${parameters.maxWalSizeMiB}`,
      rule: 'PostgreSQL recycles WAL files between the two sizes.',
      fix: 'Lower it, or raise `maxWalSizeMiB`.',
    });
  }
  return problems;
}

function storageProblems({
  database: { allocatedStorageGiB, maxAllocatedStorageGiB },
}: Deployment): DeploymentProblem[] {
  const least = Math.ceil((allocatedStorageGiB * 11) / 10);
  if (maxAllocatedStorageGiB >= least) return [];
  if (least > RDS_POSTGRESQL.gp3StorageGiB.max) {
    const most = Math.floor((RDS_POSTGRESQL.gp3StorageGiB.max * 10) / 11);
    return [
      {
        path: ['database', 'allocatedStorageGiB'],
        value: allocatedStorageGiB,
        allowed: `at most ${most}`,
        rule: `Storage ends at ${RDS_POSTGRESQL.gp3StorageGiB.max} GiB, and the threshold must be 10 % above the start.`,
        fix: `Lower it to ${most}.`,
      },
    ];
  }
  return [
    {
      path: ['database', 'maxAllocatedStorageGiB'],
      value: maxAllocatedStorageGiB,
      allowed: `at least ${least}, 10 % above the allocated ${allocatedStorageGiB}`,
      rule: 'RDS refuses a storage threshold that is less than 10 % above the allocated storage.',
      fix: `Raise it to ${least} or more.`,
    },
  ];
}

function roleProblems({ database: { applicationUser } }: Deployment): DeploymentProblem[] {
  const taken: readonly string[] = Object.values(DATABASE_ROLES);
  if (!taken.includes(applicationUser)) return [];
  return [
    {
      path: ['database', 'applicationUser'],
      value: applicationUser,
      allowed: `another name than ${taken.join(' and ')}`,
      rule: 'Functions of the deployment log in as these roles, which have the rights that those need: to write is none of them.',
      fix: 'Leave it out for `application`.',
    },
  ];
}
