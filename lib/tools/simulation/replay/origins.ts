/**
 * In which region an origin answers: what the assembly says of it in Route 53, Origin Shield or its
 * own region.
 */

import { CLOUDFRONT_REGION, nearestFirst } from '../../../model/aws';
import type { Assembly } from '../../assembly';
import type { DistributionModel, OriginModel } from '../distribution';

/** @param from the region of the cache that asks */
export type OriginRegion = (origin: OriginModel, from: string) => string;

/**
 * By latency records, Route 53 leads to the region with the lowest latency: "Latency-based
 * routing", Amazon Route 53 developer guide. Here it is the nearest one. Without such records, the
 * region of the origin's shield, for that is the one nearest to it: "Choosing the AWS Region for
 * Origin Shield", Amazon CloudFront developer guide. Otherwise the region of the distribution's
 * stack.
 *
 * @param given a region that outdoes all that
 */
export function originRegions(
  assembly: Assembly,
  distribution: DistributionModel,
  given?: string,
): OriginRegion {
  const stack = assembly.stacks.find(({ path }) => distribution.id.startsWith(`${path}/`));
  const records = latencyRecords(assembly);
  return (origin, from) => {
    if (given !== undefined) return given;
    const regions = records.get(origin.domainName);
    return (
      (regions && nearestFirst(from, regions)[0]) ??
      origin.shieldRegion ??
      stack?.region ??
      CLOUDFRONT_REGION
    );
  };
}

/** The regions that answer to a name. */
function latencyRecords(assembly: Assembly): ReadonlyMap<string, readonly string[]> {
  const regions = new Map<string, string[]>();
  for (const { template } of assembly.stacks) {
    for (const { Type, Properties } of Object.values(template.Resources)) {
      const { Name, Region } = (Properties ?? {}) as { Name?: unknown; Region?: unknown };
      if (
        Type !== 'AWS::Route53::RecordSet' ||
        typeof Name !== 'string' ||
        typeof Region !== 'string'
      )
        continue;
      const name = Name.replace(/\.$/, '');
      const known = regions.get(name) ?? [];
      regions.set(name, known.includes(Region) ? known : [...known, Region]);
    }
  }
  return regions;
}
