/** The assumptions of a replay as sentences, so that a reader can judge its figures. */

import { type LogSummary, ORDER_BUFFER } from '../logs';
import { VIEWER_WEIGHTS } from '../path';
import { EXACT_OBJECTS, EXACT_SPLITTER_KEYS, MAX_MERGE_KEYS, MAX_SPLITTER_NAMES } from './findings';
import { DEFAULT_ORIGIN_MS, VIEWER_BYTES_PER_MS, VIEWER_ROUND_TRIP_MS } from './latency';
import type { AssumedCacheControl } from './origin';
import { REGIONAL_CAPACITY_FACTOR } from './run';

/** How many requests lacked a value in the log, which was then assumed. */
export interface AssumptionCounts {
  readonly place: number;
  readonly host: number;
  readonly originTime: number;
}

export interface AssumptionFacts {
  readonly requests: number;
  readonly log: LogSummary;
  readonly assumed: AssumptionCounts;
  readonly host: string;
  /** The regions where origins were assumed to be. */
  readonly originRegions: readonly string[];
  readonly cacheControl: readonly AssumedCacheControl[];
  /** The parts of the distribution's template that the model omits. */
  readonly gaps: readonly string[];
}

export function assumptions({
  requests,
  log,
  assumed,
  host,
  originRegions,
  cacheControl,
  gaps,
}: AssumptionFacts): string[] {
  const weights = Object.entries(VIEWER_WEIGHTS)
    .map(([code, weight]) => `${code} ${weight} %`)
    .join(', ');
  const ofAll = (count: number) =>
    count === requests ? 'All requests' : `${count} of ${requests} requests`;
  return [
    ...(assumed.place > 0
      ? [
          `${ofAll(assumed.place)} name no known edge location: their addresses are spread by a hash over ${weights}. Which ones they are is not looked up.`,
        ]
      : []),
    ...(assumed.host > 0 ? [`${ofAll(assumed.host)} name no host: it is ${host}.`] : []),
    'Every viewer comes by HTTPS, and sends no other headers than the log has.',
    `Each regional edge cache and Origin Shield holds ${REGIONAL_CAPACITY_FACTOR} times what an edge location holds. The regional edge cache is the one nearest to the edge location.`,
    cacheControl.length > 0
      ? `Origins send ${cacheControl.map(({ pattern, value }) => `Cache-Control: ${value} for ${pattern}`).join(', ')}; no other caching headers.`
      : 'Origins send no caching headers: the default TTL of each behaviour holds. Say what they send with --assume-cache-control.',
    'Origins answer as the log says, and answer a part or a 304 with the object in the logged size. They send no validators: an expired object is fetched whole.',
    assumed.originTime > 0
      ? `Origins take the logged time; where there is none (${assumed.originTime} of ${requests} requests), ${DEFAULT_ORIGIN_MS} ms.`
      : 'Origins take the logged time.',
    `Origins are in ${originRegions.length > 0 ? originRegions.join(', ') : 'no region: none was asked'}.`,
    `Latency is the way there and back at 133 km a millisecond, ${VIEWER_ROUND_TRIP_MS} ms between viewer and edge location, and the body at ${(VIEWER_BYTES_PER_MS * 8) / 1000} Mbit/s, over connections that are open; percentiles are within one percent.`,
    'The ceilings are over all requests by GET and HEAD. Where the deployment caches nothing, its key is the URL as its viewer-request function leaves it.',
    `Ceilings are exact up to ${EXACT_OBJECTS} objects, hits lost up to ${EXACT_SPLITTER_KEYS} keys of a name; above, they are estimates within about one percent. The first ${MAX_SPLITTER_NAMES} names and the first ${MAX_MERGE_KEYS} objects are followed.`,
    ...(log.outOfOrder > 0
      ? [
          `${log.outOfOrder} requests stood behind later ones and were put in order within ${ORDER_BUFFER} requests; ${log.late} came too late for that, and count as of the moment they came.`,
        ]
      : []),
    ...(log.damaged === undefined
      ? []
      : [`The log ends before it should (${log.damaged}): what came before that was replayed.`]),
    ...gaps,
  ];
}
