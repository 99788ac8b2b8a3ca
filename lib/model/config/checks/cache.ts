/**
 * Checks over the caches: sizes within a cluster's, and hours that are apart. What scaling and a
 * Global Datastore ask for is in files of their own.
 */
import { ELASTICACHE, maintenanceWindow, snapshotWindow, tiersData, windowsMeet } from '../../aws';
import type { Deployment } from '../deployment';
import { globalCacheProblems } from '../global-cache';
import type { DeploymentProblem } from '../problem';
import { cacheScalingProblems } from './cache-scaling';
import { regionsOf } from './regions';

export function cacheProblems(deployment: Deployment): DeploymentProblem[] {
  return [
    ...nodeProblems(deployment),
    ...nodeTypeProblems(deployment),
    ...snapshotProblems(deployment),
    ...maintenanceProblems(deployment),
    ...cacheScalingProblems(deployment),
    ...globalCacheProblems(deployment),
  ];
}

function nodeProblems({
  cache: { shards, replicasPerShard, scaling, global },
}: Deployment): DeploymentProblem[] {
  const replicas = scaling?.maxReplicasPerShard ?? replicasPerShard;
  const most = Math.floor(ELASTICACHE.nodesPerCluster / (1 + replicas));
  const sizes = [
    { path: ['cache', 'shards'], value: shards },
    { path: ['cache', 'scaling', 'maxShards'], value: scaling?.maxShards },
    { path: ['cache', 'global', 'shards'], value: global?.shards },
  ];
  return sizes.flatMap(({ path, value }) =>
    value === undefined || value <= most
      ? []
      : [
          {
            path,
            value,
            allowed: `at most ${most} with ${replicas} replicas each`,
            rule: `ElastiCache allows ${ELASTICACHE.nodesPerCluster} nodes in a cluster, primaries and replicas together: ${value} × ${1 + replicas} = ${value * (1 + replicas)}.`,
            fix: `Lower \`${path.at(-1)}\` or the replicas, or take a larger node type.`,
          },
        ],
  );
}

function nodeTypeProblems({ cache: { nodeType, global } }: Deployment): DeploymentProblem[] {
  const types = [
    { path: ['cache', 'nodeType'], value: nodeType },
    { path: ['cache', 'global', 'nodeType'], value: global?.nodeType },
  ];
  return types.flatMap(({ path, value }) =>
    value === undefined || !tiersData(value)
      ? []
      : [
          {
            path,
            value,
            allowed: 'a node type that keeps its data in memory',
            rule: 'Nodes with data tiering put what is seldom read on SSD: a cache of larger and slower answers.',
            fix: 'Take `cache.r7g.large` or a larger one of its family.',
          },
        ],
  );
}

function snapshotProblems({ cache }: Deployment): DeploymentProblem[] {
  return snapshotWindow(cache.snapshotWindow)
    ? []
    : [tooShort(['cache', 'snapshotWindow'], cache.snapshotWindow)];
}

function maintenanceProblems(deployment: Deployment): DeploymentProblem[] {
  const { cache } = deployment;
  const daily =
    cache.snapshotRetentionDays === 0 ? undefined : snapshotWindow(cache.snapshotWindow);
  const windows = [
    { path: ['cache', 'maintenanceWindow'], value: cache.maintenanceWindow },
    ...regionsOf(deployment).map(([name, { cacheMaintenanceWindow }]) => ({
      path: ['regions', name, 'cacheMaintenanceWindow'],
      value: cacheMaintenanceWindow,
    })),
  ];
  return windows.flatMap(({ path, value }): DeploymentProblem[] => {
    if (value === undefined) return [];
    const weekly = maintenanceWindow(value);
    if (weekly === undefined) return [tooShort(path, value)];
    if (daily === undefined || !windowsMeet(weekly, daily)) return [];
    return [
      {
        path,
        value,
        allowed: `apart from the snapshot window, ${cache.snapshotWindow} each day`,
        rule: 'Maintenance replaces nodes one after the other; the copy of a snapshot would take memory and CPU of those that carry on.',
        fix: 'Move it, or `cache.snapshotWindow`.',
      },
    ];
  });
}

function tooShort(path: readonly string[], value: string): DeploymentProblem {
  return {
    path,
    value,
    allowed: `${ELASTICACHE.windowMinutes} minutes long at least`,
    rule: 'ElastiCache takes no shorter window.',
    fix: 'Move its end.',
  };
}
