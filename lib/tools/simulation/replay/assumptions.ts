/** The assumptions of a replay as sentences, so that a reader can judge its figures. */

import { type LogSummary, ORDER_BUFFER } from '../logs';
import { VIEWER_WEIGHTS } from '../path';
import { EXACT_OBJECTS, EXACT_SPLITTER_KEYS, MAX_MERGE_KEYS, MAX_SPLITTER_NAMES } from './findings';
import { VIEWER_BYTES_PER_MS, VIEWER_ROUND_TRIP_MS } from './latency';
import { type AssumedCacheControl, DEFAULT_ORIGIN_MS } from './origin';
import { REGIONAL_CAPACITY_FACTOR } from './run';

/** How many requests lacked a value in the log, which was then assumed. */
export type AssumptionCounts = Readonly<Record<'place' | 'host' | 'originTime', number>>;

export interface AssumptionFacts {
  readonly assumed: AssumptionCounts;
  readonly host: string;
  /** The regions where origins were assumed to be. */
  readonly originRegions: readonly string[];
  readonly cacheControl: readonly AssumedCacheControl[];
}

export function assumptions(
  requests: number,
  log: LogSummary,
  { assumed, host, originRegions, cacheControl }: AssumptionFacts,
): string[] {
  const weights = Object.entries(VIEWER_WEIGHTS)
    .map(([code, weight]) => `${code} ${weight} %`)
    .join(', ');
  const ofAll = (count: number) =>
    count === requests ? 'All requests' : `${count} of ${requests} requests`;
  const assumedHeaders = cacheControl
    .map(({ pattern, value }) => `Cache-Control: ${value} for ${pattern}`)
    .join(', ');
  return [
    ...(assumed.place > 0
      ? [
          `${ofAll(assumed.place)} name no known edge location. ` +
            `A hash of the address distributes them over ${weights}, without geolocation.`,
        ]
      : []),
    ...(assumed.host > 0 ? [`${ofAll(assumed.host)} name no host; ${host} is assumed.`] : []),
    'Viewers use HTTPS and send only the logged headers.',
    `Regional edge caches and Origin Shield have ${REGIONAL_CAPACITY_FACTOR} times the capacity ` +
      'of an edge location. Each edge location uses the nearest regional edge cache.',
    cacheControl.length > 0
      ? `Origins send ${assumedHeaders} and no other caching headers.`
      : 'Origins send no caching headers, so the default TTL of each behavior applies. ' +
        'Specify their headers with --assume-cache-control.',
    'Origins send the logged responses. For a partial response or a 304, they send the object in ' +
      'the logged size. They send no validators, so an expired object is fetched whole.',
    assumed.originTime > 0
      ? `Origins take the logged time, or ${DEFAULT_ORIGIN_MS} ms where the log has none ` +
        `(${assumed.originTime} of ${requests} requests).`
      : 'Origins take the logged time.',
    originRegions.length > 0
      ? `Origins are in ${originRegions.join(', ')}.`
      : 'No request reached an origin.',
    'Latency is the round trip at 133 km per millisecond, plus ' +
      `${VIEWER_ROUND_TRIP_MS} ms between viewer and edge location, plus the body at ` +
      `${(VIEWER_BYTES_PER_MS * 8) / 1000} Mbit/s. Connections are already open. ` +
      'Percentiles are within one percent.',
    'The ceilings count all GET and HEAD requests. If a behavior does not cache, the URL after ' +
      'its viewer-request function counts as the key.',
    `Ceilings are exact up to ${EXACT_OBJECTS} objects, and lost hits up to ` +
      `${EXACT_SPLITTER_KEYS} keys of a name; above that, they are estimates within about one ` +
      `percent. Only the first ${MAX_SPLITTER_NAMES} names and ${MAX_MERGE_KEYS} objects count.`,
    ...(log.outOfOrder > 0
      ? [
          `${log.outOfOrder} requests followed later ones and were sorted within ${ORDER_BUFFER} ` +
            `requests; ${log.late} were too late for that and got the time of the request before.`,
        ]
      : []),
    ...(log.damaged === undefined
      ? []
      : [`The log is truncated or damaged (${log.damaged}); the part before that was replayed.`]),
  ];
}
