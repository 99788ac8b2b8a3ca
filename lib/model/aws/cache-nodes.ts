/** Capabilities of ElastiCache's node types. */
import { ELASTICACHE } from './limits';

/** The syntax of a node type. */
export const CACHE_NODE_TYPE = /^cache\.[a-z]+\d[a-z]*\.[a-z0-9]+$/;

function partsOf(nodeType: string): { family: string; size: string } {
  const [, family = '', size = ''] = nodeType.split('.');
  return { family, size };
}

/** Whether nodes use data tiering: r6gd nodes require it, and keep rarely read data on SSD. */
export function tiersData(nodeType: string): boolean {
  return partsOf(nodeType).family.endsWith('gd');
}

/** Whether Application Auto Scaling can scale a cache of such nodes. */
export function scalesAutomatically(nodeType: string): boolean {
  const { family, size } = partsOf(nodeType);
  return (
    ELASTICACHE.autoScaling.families.includes(family) &&
    ELASTICACHE.autoScaling.sizes.includes(size)
  );
}

/**
 * Whether a Global Datastore supports such nodes: of the fifth generation or later, not burstable,
 * and at least `large`. "Prerequisites and limitations" of Global Datastore, Amazon ElastiCache
 * user guide.
 */
export function joinsGlobalDatastore(nodeType: string): boolean {
  const { family, size } = partsOf(nodeType);
  const generation = Number(/\d+/.exec(family)?.[0] ?? 0);
  return !family.startsWith('t') && generation >= 5 && size.endsWith('large');
}
