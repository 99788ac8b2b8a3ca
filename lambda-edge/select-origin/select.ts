/**
 * The core of the origin selection where every region's load balancer is an origin of its own.
 *
 * Pure functions: no AWS types and no I/O but the switches that it is given; only the syntax and
 * the built-ins of CloudFront Functions.
 */
import type { SelectOriginSettings } from '../../lib/model/contracts';
import { isRead, RECENT_WRITER_COOKIE, wroteRecently } from '../route-origin';

/** The part of a viewer's request, as CloudFront Functions give it, that is read here. */
export interface ViewerRequest {
  readonly method: string;
  /** By name; all values if there were several of one name. */
  readonly cookies?: Readonly<
    Record<
      string,
      { readonly value: string; readonly multiValue?: readonly { readonly value: string }[] }
    >
  >;
}

/** What a region's switch says when no reads may go to it. */
export const DRAINED = 'drained';

/** The part of the settings that is about origins. */
type Settings = Omit<SelectOriginSettings, 'paths' | 'languages'>;

/**
 * Whether the request belongs to the primary region, even if that is drained: a write, because no
 * other region takes it, and a read by a viewer who wrote recently, because the others may not have
 * it yet.
 *
 * @param nowSeconds Unix time
 */
export function isForPrimary(
  request: ViewerRequest,
  settings: Settings,
  nowSeconds: number,
): boolean {
  if (!isRead(request.method)) return true;
  const cookie = request.cookies?.[RECENT_WRITER_COOKIE];
  if (cookie === undefined || settings.recentWriterSeconds === undefined) return false;
  const values = (cookie.multiValue ?? [cookie]).map((one) => one.value);
  return wroteRecently(values, settings.recentWriterSeconds, nowSeconds);
}

/**
 * The regions in the order in which they are to be asked. From a place that is not known, the
 * primary first.
 */
export function regionsFrom(edge: string | undefined, settings: Settings): string[] {
  const places = edge === undefined ? undefined : settings.nearest[edge];
  return places === undefined
    ? settings.regions.slice()
    : places.map((place) => settings.regions[place] as string);
}

/**
 * The nearest region that is not drained. If all of them are, the nearest one, as if none were: an
 * answer from a region in trouble is better than none.
 *
 * @param switchOf what a region's switch says. It throws or rejects if there is none, or if it
 * cannot be read: then the region serves.
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

async function saidBy(
  switchOf: (region: string) => Promise<string>,
  region: string,
): Promise<string | undefined> {
  try {
    return await switchOf(region);
  } catch (_) {
    return undefined;
  }
}
