/** What the node types of ElastiCache can be used for. */
import { ELASTICACHE } from './limits';

/** A node type as ElastiCache spells it. */
export const CACHE_NODE_TYPE = /^cache\.[a-z]+\d[a-z]*\.[a-z0-9]+$/;

function partsOf(nodeType: string): { family: string; size: string } {
  const [, family = '', size = ''] = nodeType.split('.');
  return { family, size };
}

/** Data tiering: r6gd nodes demand it, and put what is seldom read on SSD. */
export function tiersData(nodeType: string): boolean {
  return partsOf(nodeType).family.endsWith('gd');
}

/** Whether Application Auto Scaling may scale a cache of such nodes. */
export function scalesAutomatically(nodeType: string): boolean {
  const { family, size } = partsOf(nodeType);
  return (
    ELASTICACHE.autoScaling.families.includes(family) &&
    ELASTICACHE.autoScaling.sizes.includes(size)
  );
}

/**
 * Whether a Global Datastore takes such nodes: large ones and up, not burstable, and none before
 * the fifth generation. "Prerequisites and limitations" of Global Datastore, Amazon ElastiCache
 * user guide.
 */
export function joinsGlobalDatastore(nodeType: string): boolean {
  const { family, size } = partsOf(nodeType);
  const generation = Number(/\d+/.exec(family)?.[0] ?? 0);
  return !family.startsWith('t') && generation >= 5 && size.endsWith('large');
}
