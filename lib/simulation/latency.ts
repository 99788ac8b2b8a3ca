/**
 * How long requests take: a plain model of distances, which says where an answer comes from in milliseconds. It knows no
 * congestion, no lost packets and no handshakes, for connections are kept.
 */
import type { ServedBy } from './messages';
import { type Coordinates, coordinatesOf, coordinatesOfRegion, distanceKm } from './topology';

/** Light in fibre covers 200 km a millisecond, two thirds of its speed in a vacuum: ITU-T G.652. */
const FIBRE_KM_PER_MS = 200;

/** Cables take detours: packets go at four ninths of light's speed along the great circle. Katz-Bassett et al., "Towards IP geolocation using delay and topology measurements", IMC 2006. */
const DETOUR = 1.5;

/** Round trip from a viewer to the nearest edge location, an access network's own wait: an assumption of this project. */
export const VIEWER_ROUND_TRIP_MS = 15;

/** What a viewer's line carries: the definition of broadband in the FCC's 2024 Section 706 report, 100 Mbit/s. */
export const VIEWER_BYTES_PER_MS = 12_500;

/** What each cache on the way takes for itself: an assumption of this project. */
export const CACHE_MS = 1;

/** An origin's own time where the log has none: an assumption of this project. */
export const ORIGIN_MS = 50;

/** What is assumed of two places of which one is not known: half of the way round the Atlantic. */
const UNKNOWN_ROUND_TRIP_MS = 50;

/** The caches on the way of a request, and the region of its origin. */
export interface Route {
  readonly pop: string;
  readonly regional: string;
  readonly shield?: string;
  readonly originRegion: string;
}

/** From the viewer's first byte to the last of the answer, without what the origin takes, for an answer that is at hand in `servedBy`. */
export function hopsMs(route: Route, servedBy: ServedBy): number {
  if (servedBy === 'pop' || servedBy === 'function') return VIEWER_ROUND_TRIP_MS + CACHE_MS;
  const toRegional = VIEWER_ROUND_TRIP_MS + 2 * CACHE_MS + roundTripMs(coordinatesOf(route.pop), coordinatesOfRegion(route.regional));
  if (servedBy === 'regional') return toRegional;
  const toShield = route.shield === undefined ? 0 : CACHE_MS + regionsRoundTripMs(route.regional, route.shield);
  return servedBy === 'shield'
    ? toRegional + toShield
    : toRegional + toShield + regionsRoundTripMs(route.shield ?? route.regional, route.originRegion);
}

/** The time on the way of a body to the viewer. */
export function transferMs(bytes: number): number {
  return bytes / VIEWER_BYTES_PER_MS;
}

/** There and back along a great circle. */
export function roundTripMs(a: Coordinates | undefined, b: Coordinates | undefined): number {
  if (a === undefined || b === undefined) return UNKNOWN_ROUND_TRIP_MS;
  return (2 * DETOUR * distanceKm(a, b)) / FIBRE_KM_PER_MS;
}

function regionsRoundTripMs(from: string, to: string): number {
  return from === to ? 0 : roundTripMs(coordinatesOfRegion(from), coordinatesOfRegion(to));
}
