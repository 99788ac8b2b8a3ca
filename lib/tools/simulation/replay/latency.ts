/**
 * A model of latency by distance. It has no congestion, packet loss or handshakes, because
 * connections are kept open.
 */
import type { ServedBy } from '../messages';
import {
  type Coordinates,
  coordinatesOf,
  coordinatesOfRegion,
  distanceKm,
  type ViewerPlace,
} from '../path';

/**
 * Light in fiber travels 200 km per millisecond, two thirds of its speed in a vacuum: ITU-T G.652.
 */
const FIBER_KM_PER_MS = 200;

/**
 * Cables are not straight: packets travel at four ninths of the speed of light along the great
 * circle. Katz-Bassett et al., "Towards IP geolocation using delay and topology measurements", IMC
 * 2006.
 */
const DETOUR = 1.5;

/**
 * Round trip from a viewer to the nearest edge location, including the access network: an
 * assumption of this project.
 */
export const VIEWER_ROUND_TRIP_MS = 15;

/** Processing time of each cache on the path: an assumption of this project. */
export const CACHE_MS = 1;

/**
 * Round trip between two places if the location of one is unknown: half the way across the
 * Atlantic.
 */
const UNKNOWN_ROUND_TRIP_MS = 50;

/**
 * Time from the viewer's first byte to the first byte of a response that a cache or a function
 * serves.
 */
export function hopsMs(
  { pop, regional }: ViewerPlace,
  servedBy: Exclude<ServedBy, 'origin'>,
  shield = regional,
): number {
  const toEdge = VIEWER_ROUND_TRIP_MS + CACHE_MS;
  if (servedBy === 'pop' || servedBy === 'function') return toEdge;
  return (
    toEdge + regionalMs(pop, regional) + (servedBy === 'shield' ? shieldMs(regional, shield) : 0)
  );
}

/** Round trip from the edge location to the origin, without the origin's processing time. */
export function originRoundTripMs({
  pop,
  regional,
  shield,
  originRegion,
}: ViewerPlace & { readonly shield?: string; readonly originRegion: string }): number {
  const last = shield ?? regional;
  return (
    regionalMs(pop, regional) + shieldMs(regional, last) + regionsRoundTripMs(last, originRegion)
  );
}

function regionalMs(pop: string, regional: string): number {
  return CACHE_MS + roundTripMs(coordinatesOf(pop), coordinatesOfRegion(regional));
}

/**
 * A shield in the region of the regional edge cache is the same cache: "Using Amazon CloudFront
 * Origin Shield", Amazon CloudFront developer guide.
 */
function shieldMs(regional: string, shield: string): number {
  return regional === shield ? 0 : CACHE_MS + regionsRoundTripMs(regional, shield);
}

/**
 * Bandwidth of a viewer: 100 Mbit/s, the definition of broadband in the FCC's 2024 Section 706
 * report.
 */
export const VIEWER_BYTES_PER_MS = 12_500;

/** Time to send a body to the viewer. */
export function transferMs(bytes: number): number {
  return bytes / VIEWER_BYTES_PER_MS;
}

/** Round trip along a great circle. */
export function roundTripMs(a: Coordinates | undefined, b: Coordinates | undefined): number {
  if (a === undefined || b === undefined) return UNKNOWN_ROUND_TRIP_MS;
  return (2 * DETOUR * distanceKm(a, b)) / FIBER_KM_PER_MS;
}

function regionsRoundTripMs(from: string, to: string): number {
  return from === to ? 0 : roundTripMs(coordinatesOfRegion(from), coordinatesOfRegion(to));
}
