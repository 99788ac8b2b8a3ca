/**
 * The origin of a replay: it answers each request as the log says that it was answered, after the
 * time that the model gives it.
 */
import { CLOUDFRONT_REGION, catchesAll, nearestFirst } from '../../../model/aws';
import type { Assembly } from '../../assembly';
import type { DistributionModel, OriginModel } from '../distribution';
import type { Validators } from '../engine';
import type { LogRecord } from '../logs';
import type { HttpResponse } from '../messages';
import type { Attempt, PreparedRequest, RequestPath } from '../path';
import { DEFAULT_ORIGIN_MS, originRoundTripMs } from './latency';

/**
 * A header that the log does not have and the origin is assumed to send: for paths that match, the
 * first match wins.
 */
export interface AssumedCacheControl {
  readonly pattern: string;
  readonly value: string;
}

export interface OriginResponse {
  readonly response: HttpResponse;
  /** From the edge location to the origin and back, with the origin's own time. */
  readonly tookMs: number;
  /**
   * How often an origin was asked: 0 where a function answered, 2 where the group's fallback was
   * asked as well.
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
    const ask = async (attempt: Attempt) => {
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
    const first = await ask(0);
    const step =
      first.response === undefined && path.failsOver(prepared, logged) ? await ask(1) : first;
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
 * A connection that became a WebSocket: nothing of it can be cached, and no function sees what
 * follows.
 */
const WEBSOCKET = 101;

/**
 * How long the origin took, where the log says so: of a WebSocket, it says how long the connection
 * lasted.
 */
export function originMs({ originMs: logged, status }: LogRecord): number | undefined {
  return status === WEBSOCKET ? undefined : logged;
}

/**
 * A part of an object, or that it has not changed, is an answer to one viewer: the origin is taken
 * to have sent it whole.
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
