/**
 * The core that selects an origin, if the load balancer of each region is an origin of its own.
 *
 * Pure functions: no AWS types, no I/O except by the `switchOf` that the caller passes, and only
 * the syntax and the built-ins of CloudFront Functions.
 */
import type { SelectOriginSettings } from '../../lib/model/contracts';
import { isRead, RECENT_WRITER_COOKIE, wroteRecently } from '../route-origin';

/** The part of a viewer's request, in the format of CloudFront Functions, that is read here. */
export interface ViewerRequest {
  readonly method: string;
  /** Cookies by name; `multiValue` has all values of a name that was sent several times. */
  readonly cookies?: Readonly<
    Record<
      string,
      { readonly value: string; readonly multiValue?: readonly { readonly value: string }[] }
    >
  >;
}

/** The value of the switch of a region that receives no reads. */
export const DRAINED = 'drained';

/** The part of the settings that is about origins. */
type Settings = Omit<SelectOriginSettings, 'paths' | 'languages'>;

/**
 * Whether the request must go to the primary region, even if that is drained: a write, because no
 * other region takes it, or a read of a recent writer, because the other regions may not have the
 * write yet.
 *
 * @param nowSeconds the current Unix time
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
 * The regions in the order of preference: the nearest to the edge first, or the primary first if
 * the edge is not known.
 */
export function regionsByDistance(edge: string | undefined, settings: Settings): string[] {
  const order = edge === undefined ? undefined : settings.nearest[edge];
  return order === undefined
    ? settings.regions.slice()
    : order.map((index) => settings.regions[index] as string);
}

/**
 * The nearest region that is not drained. If all regions are drained, it is the nearest one,
 * because a response of a region in trouble is better than no response.
 *
 * @param switchOf reads the switch of a region. If it throws or rejects, because there is no switch
 * or it cannot be read, the region serves.
 */
export async function selectRegion(
  edge: string | undefined,
  settings: Settings,
  switchOf: (region: string) => Promise<string>,
): Promise<string> {
  const regions = regionsByDistance(edge, settings);
  for (let i = 0; i < regions.length; i++) {
    const region = regions[i] as string;
    if ((await readSwitch(switchOf, region)) !== DRAINED) return region;
  }
  return regions[0] as string;
}

async function readSwitch(
  switchOf: (region: string) => Promise<string>,
  region: string,
): Promise<string | undefined> {
  try {
    return await switchOf(region);
  } catch (_) {
    return undefined;
  }
}
