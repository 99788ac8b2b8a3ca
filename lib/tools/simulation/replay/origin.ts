/**
 * The origin of a replay: it answers each request as the log says that it was answered, after the
 * time that the model gives it.
 */
import { catchesAll } from '../../../model/aws';
import type { Validators } from '../engine';
import type { LogRecord } from '../logs';
import type { HttpAnswer } from '../messages';
import type { Attempt, Prepared, RequestPath } from '../path';
import { ORIGIN_MS, originWayMs } from './latency';
import type { OriginRegion } from './origins';

/**
 * A header that the log does not have and the origin is assumed to send: for paths that match, the
 * first match wins.
 */
export interface AssumedCacheControl {
  readonly pattern: string;
  readonly value: string;
}

export interface OriginAnswer {
  readonly answer: HttpAnswer;
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
  prepared: Prepared,
  record: LogRecord,
  validators?: Validators,
) => Promise<OriginAnswer>;

export function loggedOrigin(
  path: RequestPath,
  regionOf: OriginRegion,
  cacheControl: readonly AssumedCacheControl[],
): Origin {
  return async (prepared, record, validators) => {
    const logged = loggedAnswer(record, cacheControl);
    const functionErrors: string[] = [];
    let tookMs = 0;
    let requests = 0;
    const ask = async (attempt: Attempt) => {
      const step = await path.toOrigin(prepared, validators, attempt);
      functionErrors.push(...step.functionErrors);
      const lastCache = prepared.keyed?.shield ?? prepared.place.regional;
      const region = step.answer ? lastCache : regionOf(step.origin, lastCache);
      tookMs += originWayMs({
        ...prepared.place,
        shield: prepared.keyed?.shield,
        originRegion: region,
      });
      if (step.answer === undefined) {
        tookMs += originMs(record) ?? ORIGIN_MS;
        requests++;
      }
      return step;
    };
    const first = await ask(0);
    const step =
      first.answer === undefined && path.failsOver(prepared, logged) ? await ask(1) : first;
    if (step.answer) return { answer: step.answer, tookMs, requests, bytes: 0, functionErrors };
    if (record.status === WEBSOCKET)
      return {
        answer: logged,
        tookMs,
        requests,
        bytes: requests * logged.bodyBytes,
        functionErrors,
      };
    const after = await path.fromOrigin(prepared, step, logged);
    return {
      answer: after.answer,
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
function loggedAnswer(
  { path, status, bytes, contentType }: LogRecord,
  assumed: readonly AssumedCacheControl[],
): HttpAnswer {
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
