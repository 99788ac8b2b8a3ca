/**
 * How long requests take: a plain model of distances, which says where an answer comes from in
 * milliseconds. It knows no congestion, no lost packets and no handshakes, for connections are
 * kept.
 */
import type { ServedBy } from '../messages';
import {
  type Coordinates,
  coordinatesOf,
  coordinatesOfRegion,
  distanceKm,
  type ViewerPlace,
} from '../path';

/** Light in fibre covers 200 km a millisecond, two thirds of its speed in a vacuum: ITU-T G.652. */
const FIBER_KM_PER_MS = 200;

/**
 * Cables take detours: packets go at four ninths of light's speed along the great circle.
 * Katz-Bassett et al., "Towards IP geolocation using delay and topology measurements", IMC 2006.
 */
const DETOUR = 1.5;

/**
 * Round trip from a viewer to the nearest edge location, an access network's own wait: an
 * assumption of this project.
 */
export const VIEWER_ROUND_TRIP_MS = 15;

/**
 * What a viewer's line carries: the definition of broadband in the FCC's 2024 Section 706 report,
 * 100 Mbit/s.
 */
export const VIEWER_BYTES_PER_MS = 12_500;

/** What each cache on the way takes for itself: an assumption of this project. */
export const CACHE_MS = 1;

/** An origin's own time where the log has none: an assumption of this project. */
export const DEFAULT_ORIGIN_MS = 50;

/** What is assumed of two places of which one is not known: half of the way round the Atlantic. */
const UNKNOWN_ROUND_TRIP_MS = 50;

/**
 * From the viewer's first byte to the first of an answer that is at hand in the cache that serves
 * it.
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

/** From the edge location to the origin and back, without the time that the origin takes itself. */
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
 * Nothing where the shield is the regional edge cache itself: "Using Amazon CloudFront Origin
 * Shield", Amazon CloudFront developer guide.
 */
function shieldMs(regional: string, shield: string): number {
  return regional === shield ? 0 : CACHE_MS + regionsRoundTripMs(regional, shield);
}

/** The time on the way of a body to the viewer. */
export function transferMs(bytes: number): number {
  return bytes / VIEWER_BYTES_PER_MS;
}

/** There and back along a great circle. */
export function roundTripMs(a: Coordinates | undefined, b: Coordinates | undefined): number {
  if (a === undefined || b === undefined) return UNKNOWN_ROUND_TRIP_MS;
  return (2 * DETOUR * distanceKm(a, b)) / FIBER_KM_PER_MS;
}

function regionsRoundTripMs(from: string, to: string): number {
  return from === to ? 0 : roundTripMs(coordinatesOfRegion(from), coordinatesOfRegion(to));
}
