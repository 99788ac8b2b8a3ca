/** Checks over the caches: their size, windows and scaling, and the Global Datastore. */
import { elasticacheRules, fleetRules, type Rule } from '../../rules';
import type { Deployment, DeploymentCacheScaling } from '../deployment';
import { globalCachePrimary, secondaryCacheRegions } from '../global-cache';
import { type DeploymentProblem, ruleProblems } from '../problem';
import { fileRegion, regionsOf } from './regions';

const CHECKS = [sizeProblems, windowProblems, scalingProblems, globalCacheProblems];

export function cacheProblems(deployment: Deployment): DeploymentProblem[] {
  return CHECKS.flatMap((check) => check(deployment));
}

function sizeProblems({ cache }: Deployment): DeploymentProblem[] {
  const { scaling, global } = cache;
  const context = { replicasPerShard: scaling?.maxReplicasPerShard ?? cache.replicasPerShard };
  const maxShards = ['cache', 'scaling', 'maxShards'];
  return [
    ...ruleProblems(['cache', 'shards'], elasticacheRules.SHARD_COUNT, cache.shards, context),
    ...ruleProblems(maxShards, elasticacheRules.SHARD_COUNT, scaling?.maxShards, context),
    ...ruleProblems(
      ['cache', 'global', 'shards'],
      elasticacheRules.SHARD_COUNT,
      global?.shards,
      context,
    ),
    ...ruleProblems(['cache', 'nodeType'], elasticacheRules.IN_MEMORY_NODE_TYPE, cache.nodeType),
    ...ruleProblems(
      ['cache', 'global', 'nodeType'],
      elasticacheRules.IN_MEMORY_NODE_TYPE,
      global?.nodeType,
    ),
  ];
}

function windowProblems(deployment: Deployment): DeploymentProblem[] {
  const { snapshotWindow, snapshotRetentionDays, maintenanceWindow } = deployment.cache;
  const windows = [
    { path: ['cache', 'maintenanceWindow'], value: maintenanceWindow },
    ...regionsOf(deployment).map(([name, { cacheMaintenanceWindow }]) => ({
      path: ['regions', name, 'cacheMaintenanceWindow'],
      value: cacheMaintenanceWindow,
    })),
  ];
  return [
    ...ruleProblems(['cache', 'snapshotWindow'], elasticacheRules.DAILY_WINDOW, snapshotWindow),
    ...windows.flatMap(({ path, value }) => [
      ...ruleProblems(path, elasticacheRules.WEEKLY_WINDOW, value),
      ...(snapshotRetentionDays === 0
        ? []
        : ruleProblems(path, elasticacheRules.SEPARATE_WINDOWS, value, { snapshotWindow })),
    ]),
  ];
}

/** The maximum of a scaling beside a minimum that the file may leave to `shards`. */
const scalingMaximum: Rule<number, { readonly minShards: number }> = {
  allows: (maxShards, { minShards }) => maxShards >= minShards,
  allowed: (_, { minShards }) => `at least the minimum number of shards, ${minShards}`,
  rule: elasticacheRules.ORDERED_SHARD_BOUNDS,
  fix: 'Raise it, or lower `minShards`.',
};

function scalingProblems(deployment: Deployment): DeploymentProblem[] {
  const { cache, objectives } = deployment;
  const { scaling, nodeType, shards, replicasPerShard } = cache;
  if (scaling === undefined) return [];
  const { maxShards, minShards = shards, maxReplicasPerShard, targetCpuPercent } = scaling;
  const bounds = { minShards, maxShards };
  const disordered = ruleProblems(['cache', 'scaling', 'maxShards'], scalingMaximum, maxShards, {
    minShards,
  });
  return [
    // A node type with data tiering is reported as such.
    ...(elasticacheRules.IN_MEMORY_NODE_TYPE.allows(nodeType, undefined)
      ? ruleProblems(['cache', 'nodeType'], elasticacheRules.SCALABLE_NODE_TYPE, nodeType)
      : []),
    ...(disordered.length > 0
      ? disordered
      : ruleProblems(['cache', 'shards'], elasticacheRules.INITIAL_SHARDS, shards, bounds)),
    ...(maxReplicasPerShard === undefined
      ? []
      : ruleProblems(
          ['cache', 'replicasPerShard'],
          elasticacheRules.INITIAL_REPLICAS,
          replicasPerShard,
          {
            maxReplicasPerShard,
          },
        )),
    ...ruleProblems(['objectives', 'cpuPercent'], fleetRules.CPU_OBJECTIVE, objectives.cpuPercent, {
      targetPercent: targetCpuPercent,
      target: 'cache.scaling.targetCpuPercent',
    }),
    ...scheduleProblems(deployment, scaling),
  ];
}

function scheduleProblems(
  { regions }: Deployment,
  { schedules, maxShards }: DeploymentCacheScaling,
): DeploymentProblem[] {
  const names = schedules.map(({ name }) => name);
  return schedules.flatMap((schedule, i) => {
    const path = ['cache', 'scaling', 'schedules', i];
    const maximum = schedule.maxShards ?? maxShards;
    const unknown = schedule.regions?.findIndex((region) => !Object.hasOwn(regions, region)) ?? -1;
    return [
      ...ruleProblems([...path, 'name'], elasticacheRules.SCHEDULE_NAME, schedule.name, {
        earlier: names.slice(0, i),
      }),
      ...ruleProblems([...path, 'timeZone'], elasticacheRules.TIME_ZONE, schedule.timeZone),
      ...ruleProblems([...path, 'maxShards'], elasticacheRules.SHARD_BOUND, maximum, { maxShards }),
      ...ruleProblems([...path, 'minShards'], elasticacheRules.SHARD_BOUND, schedule.minShards, {
        maxShards: maximum,
      }),
      ...ruleProblems([...path, 'regions', unknown], fileRegion, schedule.regions?.[unknown], {
        regions: Object.keys(regions),
      }),
    ];
  });
}

/** A secondary of the file, which has a region and a place in the list of secondaries. */
const secondaryRegion: Rule<
  string,
  { readonly members: readonly string[]; readonly others: readonly string[] }
> = {
  allows: (region, { members, others }) =>
    others.includes(region) && elasticacheRules.MEMBER_REGION.allows(region, { members }),
  allowed: (_, { others }) => `one of the other regions of this file, once: ${others.join(', ')}`,
  rule: elasticacheRules.MEMBER_REGION.rule as string,
  fix: elasticacheRules.MEMBER_REGION.fix as string,
};

function globalCacheProblems(deployment: Deployment): DeploymentProblem[] {
  const { cache, regions } = deployment;
  const { global, scaling } = cache;
  const primary = globalCachePrimary(deployment);
  if (global === undefined || primary === undefined) return [];
  const path = ['cache', 'global'];
  const secondaries = secondaryCacheRegions(deployment);
  const others = Object.keys(regions).filter((region) => region !== primary);
  const misplaced = secondaries.flatMap((region, i) =>
    ruleProblems([...path, 'secondaryRegions', i], secondaryRegion, region, {
      members: [primary, ...secondaries.slice(0, i)],
      others,
    }),
  );
  return [
    ...ruleProblems(
      ['cache', 'scaling'],
      elasticacheRules.SCALING_OF_MEMBER,
      scaling && { maxShards: scaling.maxShards },
    ),
    ...ruleProblems(['cache', 'nodeType'], elasticacheRules.MEMBER_NODE_TYPE, cache.nodeType),
    ...ruleProblems([...path, 'nodeType'], elasticacheRules.MEMBER_NODE_TYPE, global.nodeType),
    ...ruleProblems(
      [...path, 'engineVersion'],
      elasticacheRules.MEMBER_VERSION,
      global.engineVersion,
      {
        createdWith: cache.engineVersion,
      },
    ),
    // The `primaryRegion` of the deployment itself has a check of its own.
    ...ruleProblems([...path, 'primaryRegion'], fileRegion, global.primaryRegion, {
      regions: Object.keys(regions),
    }),
    ...(misplaced.length > 0
      ? misplaced.slice(0, 1)
      : ruleProblems(path, elasticacheRules.SECONDARY_COUNT, secondaries)),
  ];
}
