/** The regions that the Global Datastore of a deployment joins. */
import type { Deployment } from './deployment';

/** The region of the primary cache; undefined without a Global Datastore. */
export function globalCachePrimary({ cache, primaryRegion }: Deployment): string | undefined {
  return cache.global && (cache.global.primaryRegion ?? primaryRegion);
}

/** The regions whose caches follow the primary cache; empty without a Global Datastore. */
export function secondaryCacheRegions(deployment: Deployment): readonly string[] {
  const { global } = deployment.cache;
  if (global === undefined) return [];
  return (
    global.secondaryRegions ??
    Object.keys(deployment.regions).filter((region) => region !== globalCachePrimary(deployment))
  );
}
