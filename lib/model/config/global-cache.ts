/**
 * The Global Datastore of a deployment: which regions it joins, and what ElastiCache asks of it.
 */
import { ELASTICACHE, joinsGlobalDatastore } from '../aws';
import type { Deployment } from './deployment';
import type { DeploymentProblem } from './problem';

/** The region whose cache the others follow; nothing without a Global Datastore. */
export function globalCachePrimary({ cache, primaryRegion }: Deployment): string | undefined {
  return cache.global && (cache.global.primaryRegion ?? primaryRegion);
}

/** The regions whose caches follow that one; none without a Global Datastore. */
export function secondaryCacheRegions(deployment: Deployment): readonly string[] {
  const { global } = deployment.cache;
  if (global === undefined) return [];
  return (
    global.secondaryRegions ??
    Object.keys(deployment.regions).filter((region) => region !== globalCachePrimary(deployment))
  );
}

export function globalCacheProblems(deployment: Deployment): DeploymentProblem[] {
  const { cache, regions } = deployment;
  const { global } = cache;
  const primary = globalCachePrimary(deployment);
  if (global === undefined || primary === undefined) return [];
  const problems: DeploymentProblem[] = [];
  if (cache.scaling) {
    problems.push({
      path: ['cache', 'scaling'],
      value: { maxShards: cache.scaling.maxShards },
      allowed: 'left out, with `global`',
      rule: 'ElastiCache does not scale members of a Global Datastore by itself: all of them have the same shards.',
      fix: 'Leave `scaling` out and change `global.shards` by hand, or leave `global` out.',
    });
  }
  for (const [path, nodeType] of [
    [['cache', 'nodeType'], cache.nodeType],
    [['cache', 'global', 'nodeType'], global.nodeType],
  ] as const) {
    if (nodeType === undefined || joinsGlobalDatastore(nodeType)) continue;
    problems.push({
      path,
      value: nodeType,
      allowed: 'large or larger, of the fifth generation or a newer one',
      rule: 'A Global Datastore takes no older, smaller or burstable nodes.',
      fix: 'Take `cache.r7g.large`, or leave `global` out.',
    });
  }
  if (
    global.engineVersion !== undefined &&
    Number(global.engineVersion) < Number(cache.engineVersion)
  ) {
    problems.push({
      path: ['cache', 'global', 'engineVersion'],
      value: global.engineVersion,
      allowed: `at least ${cache.engineVersion}, what the caches were created with`,
      rule: 'ElastiCache takes no engine back to an older version.',
      fix: 'Leave it out.',
    });
  }
  // Without a primary region at all, that is said elsewhere.
  if (global.primaryRegion !== undefined && regions[global.primaryRegion] === undefined) {
    problems.push({
      path: ['cache', 'global', 'primaryRegion'],
      value: global.primaryRegion,
      allowed: `one of the regions of this file: ${Object.keys(regions).join(', ')}`,
      rule: 'The cache that others follow is one of this deployment.',
      fix: 'Name another region, or leave it out for the `primaryRegion` of the deployment.',
    });
  }
  const secondaries = secondaryCacheRegions(deployment);
  const most = ELASTICACHE.globalDatastore.secondaryRegions;
  const wrong = secondaries.findIndex(
    (region, i) =>
      region === primary || regions[region] === undefined || secondaries.indexOf(region) !== i,
  );
  if (wrong >= 0) {
    problems.push({
      path: ['cache', 'global', 'secondaryRegions', wrong],
      value: secondaries[wrong],
      allowed: `one of the other regions of this file, named once: ${Object.keys(regions)
        .filter((region) => region !== primary)
        .join(', ')}`,
      rule: 'Each region has one cache, and one of them is the one that others follow.',
      fix: 'Name another region, or remove it.',
    });
  } else if (secondaries.length < 1 || secondaries.length > most) {
    problems.push({
      path: ['cache', 'global'],
      value: secondaries,
      allowed: `for one or two regions beside the primary one, not ${secondaries.length}`,
      rule: 'A Global Datastore copies the writes of one region to two others at most.',
      fix:
        secondaries.length < 1
          ? 'Leave `global` out.'
          : 'Name two of them in `secondaryRegions`; the others keep caches of their own. Or leave `global` out.',
    });
  }
  return problems;
}
