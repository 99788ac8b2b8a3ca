/** Checks of the database: replicas, upgrades, promotions, storage, and the connection budget. */
import { pgbouncerRules, type Rule, rdsRules } from '../../rules';
import type { Deployment } from '../deployment';
import { DATABASE_ROLES, physicalNames } from '../names';
import { type DeploymentProblem, ruleProblems } from '../problem';
import { regionsOf } from './regions';

/**
 * Databases of the poolers that may lead to one instance: the readers' name leads to the writer
 * while no replica can serve.
 */
const DATABASES_PER_INSTANCE = 2;

const CHECKS = [
  replicaProblems,
  promotionProblems,
  upgradeProblems,
  connectionBudgetProblems,
  clientBudgetProblems,
  poolOrderProblems,
  storageProblems,
  roleProblems,
];

export function databaseProblems(deployment: Deployment): DeploymentProblem[] {
  return CHECKS.flatMap((check) => check(deployment));
}

const REPLICAS_OUTSIDE_PRIMARY_REGION: Rule<number> = {
  allows: (replicas) => replicas >= 1,
  allowed: 'at least 1 outside the primary region',
  rule: 'Without a replica of its own, every read of this region crosses the ocean to the primary.',
  fix: 'Raise it to 1 for a hub alone, or to 3 for a hub with two leaves.',
};

function replicaProblems(deployment: Deployment): DeploymentProblem[] {
  const { primaryRegion, regions } = deployment;
  const elsewhere = regionsOf(deployment).filter(([name]) => name !== primaryRegion);
  const path = (region: string) => ['regions', region, 'readReplicas'];
  return [
    ...elsewhere.flatMap(([name, { readReplicas }]) =>
      ruleProblems(path(name), REPLICAS_OUTSIDE_PRIMARY_REGION, readReplicas),
    ),
    ...ruleProblems(
      path(primaryRegion),
      rdsRules.REPLICAS_OF_ONE_SOURCE,
      regions[primaryRegion]?.readReplicas,
      { min: 0, hubsElsewhere: elsewhere.length },
    ),
  ];
}

function upgradeProblems({
  database: { engineVersion, upgradingFrom },
}: Deployment): DeploymentProblem[] {
  return ruleProblems(['database', 'upgradingFrom'], rdsRules.UPGRADE_START, upgradingFrom, {
    target: String(Number.parseInt(engineVersion, 10)),
  });
}

/**
 * The file must record promotions as they happened. Otherwise CloudFormation would create instances
 * under names that are taken.
 */
function promotionProblems(deployment: Deployment): DeploymentProblem[] {
  const { primaryRegion, database } = deployment;
  const { promotions } = database;
  const last = promotions.length - 1;
  if (last < 0) return [];
  // Each promotion leads to the region that the next one starts from.
  const targets = promotions.map((_, index) => promotions[index + 1]?.from ?? primaryRegion);
  const problems = promotions.flatMap(({ from }, index): DeploymentProblem[] =>
    from !== targets[index]
      ? []
      : [
          {
            path: ['database', 'promotions', index, 'from'],
            value: from,
            allowed: `another region than ${targets[index]}, where the hub is`,
            rule:
              'A hub follows the primary of another region. Each promotion leads to the region ' +
              'that the next one starts from, and the last one leads to `primaryRegion`.',
            fix:
              index === last
                ? 'Name the previous primary region, or set `primaryRegion` to that of ' +
                  `${promotions[index]?.instance}.`
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
      rule:
        'The instance that was promoted last is the primary. Under another name, CloudFormation ' +
        'would create an empty instance, or remove the true one.',
      fix:
        'Correct this value, `primaryRegion` or the `replicaGeneration` of that region to what ' +
        '`isochrone promote` printed.',
    });
  }
  return [
    ...problems,
    ...regionsOf(deployment).flatMap(([name, region]) =>
      generationProblems(name, region.replicaGeneration, targets),
    ),
  ];
}

/** The generation of a region's replicas, given the promotions of hubs in other regions. */
const REPLICA_GENERATION: Rule<number, { readonly promotionsElsewhere: number }> = {
  allows: (generation, { promotionsElsewhere }) => generation >= 1 + promotionsElsewhere,
  allowed: (_, { promotionsElsewhere }) =>
    `at least ${1 + promotionsElsewhere}: each promotion of a hub elsewhere takes one more`,
  rule:
    'The replicas of this region followed another primary, and RDS gives a replica no other ' +
    'source. They must be created again under new names.',
  fix: (_, { promotionsElsewhere }) => `Set it to ${1 + promotionsElsewhere}.`,
};

/** Each promotion of another region's hub leaves the replicas of a region without their source. */
function generationProblems(
  name: string,
  generation: number | undefined,
  targets: readonly string[],
): DeploymentProblem[] {
  return ruleProblems(['regions', name, 'replicaGeneration'], REPLICA_GENERATION, generation ?? 1, {
    promotionsElsewhere: targets.filter((region) => region !== name).length,
  }).map((problem) => ({ ...problem, value: generation }));
}

/** A number that must not exceed another, named, one. */
function atMost(limitName: string, rule: string, fix: string): Rule<number, { limit: number }> {
  return {
    allows: (value, { limit }) => value <= limit,
    allowed: (_, { limit }) => `at most ${limitName}, ${limit}`,
    rule,
    fix,
  };
}

const RESERVED_CONNECTIONS: Rule<number, { readonly maxConnections: number }> = {
  allows: (reserved, { maxConnections }) => reserved < maxConnections,
  allowed: (_, { maxConnections }) => `less than max_connections, ${maxConnections}`,
  rule: 'The reserve is taken from max_connections; nothing would be left for the poolers.',
  fix: 'Lower it, or raise `maxConnections`.',
};

/**
 * The connections of an instance are divided among all poolers that may run at once, and each share
 * must hold a pool.
 */
function connectionBudgetProblems(deployment: Deployment): DeploymentProblem[] {
  const { parameters, pooling } = deployment.database;
  const { maxConnections, reservedConnections } = parameters;
  const reserve = ruleProblems(
    ['database', 'parameters', 'reservedConnections'],
    RESERVED_CONNECTIONS,
    reservedConnections,
    { maxConnections },
  );
  if (reserve.length > 0) return reserve;
  return regionsOf(deployment).flatMap(([name, { poolers }]) =>
    ruleProblems(['regions', name, 'poolers'], pgbouncerRules.POOLERS_WITHIN_BUDGET, poolers, {
      connections: maxConnections - reservedConnections,
      databasesPerInstance: DATABASES_PER_INSTANCE,
      ...pooling,
    }),
  );
}

/**
 * The largest fleet must find room at the poolers. Otherwise its last instances start and then fail
 * to connect.
 */
function clientBudgetProblems(deployment: Deployment): DeploymentProblem[] {
  const { pooling, applicationPool } = deployment.database;
  return regionsOf(deployment).flatMap(([name, region]) => {
    const instances = region.maxInstances ?? deployment.service.maxInstances;
    // Without poolers, the file does not say how many connections reach the database.
    if (region.poolers === 0) return [];
    const wanted = instances * applicationPool.maxConnections;
    const offered = region.poolers * pooling.maxClientConnections;
    if (wanted <= offered) return [];
    const least = Math.ceil(wanted / pooling.maxClientConnections);
    return [
      {
        path: ['regions', name, 'poolers'],
        value: region.poolers,
        allowed: `at least ${least} for a fleet of this size`,
        rule:
          `${instances} instances × ${applicationPool.maxConnections} connections = ${wanted} ` +
          `clients, but ${region.poolers} poolers accept ` +
          `${region.poolers} × ${pooling.maxClientConnections} = ${offered}.`,
        fix:
          'Raise `poolers` or `database.pooling.maxClientConnections`, or lower `maxInstances` ' +
          'or `database.applicationPool.maxConnections`.',
      },
    ];
  });
}

const MIN_APPLICATION_CONNECTIONS = atMost(
  'the largest number',
  'A pool cannot keep open more connections than it may open.',
  'Lower it, or raise `maxConnections`.',
);

const MIN_WAL_SIZE = atMost(
  'max_wal_size',
  'PostgreSQL recycles WAL files between the two sizes.',
  'Lower it, or raise `maxWalSizeMiB`.',
);

/** The smaller of two sizes must not exceed the larger. */
function poolOrderProblems({
  database: { pooling, applicationPool, parameters },
}: Deployment): DeploymentProblem[] {
  const path = (...keys: string[]) => ['database', ...keys];
  return [
    ...ruleProblems(
      path('pooling', 'minPoolSize'),
      pgbouncerRules.MIN_POOL_SIZE,
      pooling.minPoolSize,
      pooling,
    ),
    ...ruleProblems(
      path('pooling', 'maxDatabaseConnections'),
      pgbouncerRules.MAX_DATABASE_CONNECTIONS,
      pooling.maxDatabaseConnections,
      pooling,
    ),
    ...ruleProblems(
      path('applicationPool', 'minConnections'),
      MIN_APPLICATION_CONNECTIONS,
      applicationPool.minConnections,
      { limit: applicationPool.maxConnections },
    ),
    ...ruleProblems(path('parameters', 'minWalSizeMiB'), MIN_WAL_SIZE, parameters.minWalSizeMiB, {
      limit: parameters.maxWalSizeMiB,
    }),
  ];
}

function storageProblems({
  database: { allocatedStorageGiB, maxAllocatedStorageGiB },
}: Deployment): DeploymentProblem[] {
  const noHeadroom = ruleProblems(
    ['database', 'allocatedStorageGiB'],
    rdsRules.ALLOCATED_STORAGE_GIB,
    allocatedStorageGiB,
  );
  if (noHeadroom.length > 0) return noHeadroom;
  return ruleProblems(
    ['database', 'maxAllocatedStorageGiB'],
    rdsRules.STORAGE_LIMIT_GIB,
    maxAllocatedStorageGiB,
    { allocatedGiB: allocatedStorageGiB },
  );
}

const TAKEN_ROLES: readonly string[] = Object.values(DATABASE_ROLES);

const APPLICATION_USER: Rule<string> = {
  allows: (user) => !TAKEN_ROLES.includes(user),
  allowed: `another name than ${TAKEN_ROLES.join(' and ')}`,
  rule: 'Functions of the deployment log in as these roles, whose rights do not include writing.',
  fix: 'Leave it out for `application`.',
};

function roleProblems({ database: { applicationUser } }: Deployment): DeploymentProblem[] {
  return ruleProblems(['database', 'applicationUser'], APPLICATION_USER, applicationUser);
}
