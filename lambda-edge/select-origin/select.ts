/**
 * The core of the origin selection where every region's load balancer is an origin of its own.
 *
 * Pure functions: no AWS types and no I/O but the switches that it is given; only the syntax and the built-ins of CloudFront
 * Functions.
 */
import type { SelectOriginSettings } from '../../lib/edge-settings';

/** What a region's switch says when no reads may go to it. */
export const DRAINED = 'drained';

/** The part of the settings that is about origins. */
type Settings = Omit<SelectOriginSettings, 'paths' | 'languages'>;

/** The regions in the order in which they are to be asked. From a place that is not known, the primary first. */
export function regionsFrom(edge: string | undefined, settings: Settings): string[] {
  const places = edge === undefined ? undefined : settings.nearest[edge];
  return places === undefined ? settings.regions.slice() : places.map((place) => settings.regions[place] as string);
}

/**
 * The nearest region that is not drained. If all of them are, the nearest one, as if none were: an answer from a region in
 * trouble is better than none.
 *
 * @param switchOf what a region's switch says. It throws or rejects if there is none, or if it cannot be read: then the
 * region serves.
 */
export async function selectRegion(
  edge: string | undefined,
  settings: Settings,
  switchOf: (region: string) => Promise<string>,
): Promise<string> {
  const regions = regionsFrom(edge, settings);
  for (let i = 0; i < regions.length; i++) {
    const region = regions[i] as string;
    if ((await saidBy(switchOf, region)) !== DRAINED) return region;
  }
  return regions[0] as string;
}

async function saidBy(switchOf: (region: string) => Promise<string>, region: string): Promise<string | undefined> {
  try {
    return await switchOf(region);
  } catch (_) {
    return undefined;
  }
}
