/**
 * The origin of a replay. Its response to each request is the logged one, after a modeled delay.
 */
import { CLOUDFRONT_REGION, catchesAll, nearestFirst } from '../../../model/aws';
import type { Assembly } from '../../assembly';
import type { DistributionModel, OriginModel } from '../distribution';
import type { Validators } from '../engine';
import type { LogRecord } from '../logs';
import type { HttpResponse } from '../messages';
import type { Attempt, PreparedRequest, RequestPath } from '../path';
import { originRoundTripMs } from './latency';

/** Processing time of an origin if the log has none: an assumption of this project. */
export const DEFAULT_ORIGIN_MS = 50;

/**
 * A `Cache-Control` header that the log lacks and the origin is assumed to send. The first matching
 * pattern applies.
 */
export interface AssumedCacheControl {
  readonly pattern: string;
  readonly value: string;
}

export interface OriginResponse {
  readonly response: HttpResponse;
  /** Round trip from the edge location to the origin, with the origin's processing time. */
  readonly tookMs: number;
  /**
   * How many requests reached an origin: 0 if a function responded, 2 if the group's fallback was
   * also tried.
   */
  readonly requests: number;
  readonly bytes: number;
  readonly functionErrors: readonly string[];
}

export type Origin = (
  prepared: PreparedRequest,
  record: LogRecord,
  validators?: Validators,
) => Promise<OriginResponse>;

export function loggedOrigin(
  path: RequestPath,
  regionOf: OriginRegion,
  cacheControl: readonly AssumedCacheControl[],
): Origin {
  return async (prepared, record, validators) => {
    const logged = loggedResponse(record, cacheControl);
    const functionErrors: string[] = [];
    let tookMs = 0;
    let requests = 0;
    const tryOrigin = async (attempt: Attempt) => {
      const step = await path.toOrigin(prepared, validators, attempt);
      functionErrors.push(...step.functionErrors);
      const lastCache = prepared.keyed?.shield ?? prepared.place.regional;
      const region = step.response ? lastCache : regionOf(step.origin, lastCache);
      tookMs += originRoundTripMs({
        ...prepared.place,
        shield: prepared.keyed?.shield,
        originRegion: region,
      });
      if (step.response === undefined) {
        tookMs += originMs(record) ?? DEFAULT_ORIGIN_MS;
        requests++;
      }
      return step;
    };
    const first = await tryOrigin(0);
    const step =
      first.response === undefined && path.failsOver(prepared, logged) ? await tryOrigin(1) : first;
    if (step.response)
      return { response: step.response, tookMs, requests, bytes: 0, functionErrors };
    if (record.status === WEBSOCKET)
      return {
        response: logged,
        tookMs,
        requests,
        bytes: requests * logged.bodyBytes,
        functionErrors,
      };
    const after = await path.fromOrigin(prepared, step, logged);
    return {
      response: after.response,
      tookMs,
      requests,
      bytes: requests * logged.bodyBytes,
      functionErrors: [...functionErrors, ...after.functionErrors],
    };
  };
}

/**
 * The status of a WebSocket connection. It cannot be cached, and functions see nothing after the
 * handshake.
 */
const WEBSOCKET = 101;

/**
 * The logged processing time of the origin. For a WebSocket, the log has the duration of the
 * connection instead.
 */
export function originMs({ originMs: logged, status }: LogRecord): number | undefined {
  return status === WEBSOCKET ? undefined : logged;
}

/**
 * The origin's response to the request. A partial response or a 304 is specific to one viewer, so
 * the origin is assumed to have sent the whole object.
 */
function loggedResponse(
  { path, status, bytes, contentType }: LogRecord,
  assumed: readonly AssumedCacheControl[],
): HttpResponse {
  const cacheControl = assumed.find(({ pattern }) => catchesAll(pattern, path))?.value;
  return {
    status: status === 206 || status === 304 ? 200 : status,
    headers: {
      'content-length': [String(bytes)],
      ...(contentType !== undefined && { 'content-type': [contentType] }),
      ...(cacheControl !== undefined && { 'cache-control': [cacheControl] }),
    },
    bodyBytes: bytes,
  };
}

/**
 * Returns the region in which an origin responds.
 *
 * @param from the region of the cache that sends the request
 */
export type OriginRegion = (origin: OriginModel, from: string) => string;

/**
 * Finds the region of each origin. For a name with latency records, Route 53 chooses the region
 * with the lowest latency ("Latency-based routing", Amazon Route 53 developer guide); the model
 * takes the nearest one. Without such records, it is the region of the origin's shield, because
 * that should be the nearest one ("Choosing the AWS Region for Origin Shield", Amazon CloudFront
 * developer guide), or else the region of the distribution's stack.
 *
 * @param given a region that overrides all of these
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

/** The part of an assembly that `originRegions` reads: no code, and nothing secret. */
export function originRecords(assembly: Assembly): Assembly {
  return {
    directory: assembly.directory,
    stacks: assembly.stacks.map((stack) => ({
      ...stack,
      template: {
        Resources: Object.fromEntries(
          Object.entries(stack.template.Resources).filter(([, { Type }]) => Type === RECORD_SET),
        ),
      },
    })),
  };
}

const RECORD_SET = 'AWS::Route53::RecordSet';

/** The regions of each name with latency records. */
function latencyRecords(assembly: Assembly): ReadonlyMap<string, readonly string[]> {
  const regions = new Map<string, string[]>();
  for (const { template } of assembly.stacks) {
    for (const { Type, Properties } of Object.values(template.Resources)) {
      const { Name, Region } = (Properties ?? {}) as { Name?: unknown; Region?: unknown };
      if (Type !== RECORD_SET || typeof Name !== 'string' || typeof Region !== 'string') continue;
      const name = Name.replace(/\.$/, '');
      const known = regions.get(name) ?? [];
      regions.set(name, known.includes(Region) ? known : [...known, Region]);
    }
  }
  return regions;
}
