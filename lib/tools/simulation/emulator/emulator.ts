/**
 * Emulates CloudFront on a real clock and over real origins. The request path, functions and caches
 * are those of a replay.
 *
 * Not emulated: TLS, HTTP/2 and HTTP/3, WebSockets, streaming (bodies are read whole), and more
 * than one edge location.
 */

import type { DistributionModel } from '../distribution';
import { CacheEngine, type Fetch, type ServedResponse, type Validators } from '../engine';
import type { EdgeFunctionRunner } from '../functions';
import type { CacheResult, HttpRequest, HttpResponse } from '../messages';
import {
  type Attempt,
  compressed,
  type OriginStep,
  type PreparedRequest,
  requestPath,
  type ViewerPlace,
} from '../path';

export interface EmulatorOptions {
  readonly place: ViewerPlace;
  /** The protocol that all viewers are assumed to use. */
  readonly viewerProtocol: 'http' | 'https';
  /**
   * Sends a request to an origin. If the origin cannot be reached, it returns 502 or 504 and sets
   * `unreachable`.
   */
  readonly fetchOrigin: (
    step: OriginStep,
    body: Uint8Array | undefined,
  ) => Promise<{ readonly response: HttpResponse; readonly unreachable: boolean }>;
  /**
   * The current time in milliseconds.
   *
   * @default Date.now
   */
  readonly now?: () => number;
  /**
   * Receives a sentence about each error of an edge function or an origin.
   *
   * @default - errors are not reported
   */
  readonly warn?: (sentence: string) => void;
}

/** A response to a viewer, with the result that `X-Cache` shows. */
export interface EmulatedResponse {
  readonly response: HttpResponse;
  readonly result: CacheResult;
}

export interface Emulator {
  /** Serves a request. It never rejects for an error of a function or an origin. */
  respond(viewer: HttpRequest, body?: Uint8Array): Promise<EmulatedResponse>;
  /**
   * Invalidates the objects whose URL matches.
   *
   * @returns the number of removed objects
   */
  invalidate(pattern: string): number;
}

/** A request that waits for the engine. */
interface PendingRequest {
  readonly prepared: PreparedRequest;
  readonly body: Uint8Array | undefined;
  readonly resolve: (served: ServedResponse) => void;
}

/** An emulator with empty caches. */
export function emulator(
  distribution: DistributionModel,
  functions: EdgeFunctionRunner,
  options: EmulatorOptions,
): Emulator {
  const { place, viewerProtocol, fetchOrigin, now = Date.now, warn = () => undefined } = options;
  const path = requestPath(distribution, functions);
  const engine = new CacheEngine({
    capacityBytes: {
      pop: Number.POSITIVE_INFINITY,
      regional: Number.POSITIVE_INFINITY,
      shield: Number.POSITIVE_INFINITY,
    },
    errorMinTtlSeconds: distribution.errorMinTtlSeconds,
  });
  const waiting = new Map<number, PendingRequest>();
  let lastId = 0;

  async function respond(viewer: HttpRequest, body?: Uint8Array): Promise<EmulatedResponse> {
    const prepared = await path.prepare(viewer, place, viewerProtocol);
    for (const error of prepared.functionErrors) warn(error);
    if (prepared.immediate) return prepared.immediate;
    const served = await fromCaches(prepared, body);
    const { response, result, functionErrors } = await path.toViewer(prepared, served);
    for (const error of functionErrors) warn(error);
    return withErrorPage(viewer, { response, result: result ?? served.result });
  }

  function fromCaches(
    prepared: PreparedRequest,
    body: Uint8Array | undefined,
  ): Promise<ServedResponse> {
    const { keyed } = prepared;
    if (!keyed) throw new Error('A request with an immediate response has no cache key.');
    const id = ++lastId;
    return new Promise<ServedResponse>((resolve) => {
      const own = { prepared, body, resolve };
      const { served, fetch } = engine.request({ ...keyed, id }, now());
      if (served) resolve(served);
      else waiting.set(id, own);
      if (fetch) void complete(fetch, own);
    });
  }

  /** Completes a fetch with the origin's response, and all requests that wait for it. */
  async function complete(
    { id, validators }: Fetch,
    { prepared, body }: PendingRequest,
  ): Promise<void> {
    const response = await originResponse(prepared, validators, body).catch((error: unknown) => {
      warn(`${prepared.viewer.path}: ${error instanceof Error ? error.message : String(error)}`);
      return BAD_GATEWAY;
    });
    const { served, fetches } = engine.receive(id, response, now());
    for (const each of served) {
      waiting.get(each.requestId)?.resolve(each);
      waiting.delete(each.requestId);
    }
    for (const fetch of fetches) {
      const released = waiting.get(fetch.keyed.id);
      if (released) void complete(fetch, released);
    }
  }

  async function originResponse(
    prepared: PreparedRequest,
    validators: Validators | undefined,
    body: Uint8Array | undefined,
    attempt: Attempt = 0,
  ): Promise<HttpResponse> {
    const step = await path.toOrigin(prepared, validators, attempt);
    for (const error of step.functionErrors) warn(error);
    if (step.response) return step.response;
    const { response, unreachable } = await fetchOrigin(step, body);
    if (attempt === 0 && path.failsOver(prepared, unreachable ? 'unreachable' : response))
      return originResponse(prepared, validators, body, 1);
    const given = await path.fromOrigin(prepared, step, response);
    for (const error of given.functionErrors) warn(error);
    return prepared.keyed
      ? compressed(prepared.behavior, prepared.keyed.request, given.response)
      : given.response;
  }

  /**
   * The error page is an object of its own: "How CloudFront processes errors when you have
   * configured custom error pages".
   */
  async function withErrorPage(
    viewer: HttpRequest,
    emulated: EmulatedResponse,
  ): Promise<EmulatedResponse> {
    const page = distribution.errorPages[emulated.response.status];
    if (!page || viewer.path === page.path) return emulated;
    const { response } = await respond({
      ...viewer,
      method: viewer.method === 'HEAD' ? 'HEAD' : 'GET',
      path: page.path,
      query: '',
    });
    return response.status === 200
      ? { response: { ...response, status: page.status }, result: emulated.result }
      : emulated;
  }

  return { respond, invalidate: (pattern) => engine.invalidate(pattern, now()) };
}

const BAD_GATEWAY: HttpResponse = {
  status: 502,
  headers: { server: ['CloudFront'] },
  bodyBytes: 0,
  body: new Uint8Array(),
};
