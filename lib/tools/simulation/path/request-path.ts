/**
 * The path of one request through CloudFront except for the caches: the steps before, behind and
 * after them.
 */
import { catchesAll } from '../../../model/aws';
import { ownEntry } from '../../assembly';
import type { BehaviorModel, DistributionModel, EdgeEvent, OriginModel } from '../distribution';
import type { KeyedRequest, ServedResponse, Validators } from '../engine';
import type { EdgeFunctionRunner, FunctionCall, FunctionOutcome } from '../functions';
import { endToEndHeaders } from '../headers';
import type { CacheResult, HeaderFields, HttpRequest, HttpResponse } from '../messages';
import { cacheKey } from './cache-key';
import { originRequest, toOriginAddress } from './origin-request';
import { viewerResponse, withResponseHeaders } from './viewer-response';

/** Where a viewer's requests enter CloudFront. */
export interface ViewerPlace {
  readonly pop: string;
  /** The region of the regional edge cache. */
  readonly regional: string;
}

/** A request before any cache is consulted. */
export interface PreparedRequest {
  readonly behavior: BehaviorModel;
  /** The request as the viewer sent it. */
  readonly viewer: HttpRequest;
  readonly place: ViewerPlace;
  /**
   * The ID of an origin or an origin group: the behavior's, or the one that a CloudFront Function
   * selected.
   */
  readonly originId: string;
  /**
   * The origin that a CloudFront Function set with `updateRequestOrigin`.
   *
   * @default - the origin of `originId`
   */
  readonly origin?: OriginModel;
  /**
   * The engine's input; the caller adds an `id`.
   *
   * @default - none if there is an immediate response
   */
  readonly keyed?: Omit<KeyedRequest, 'id'>;
  /**
   * A response that involves no cache, ready for the viewer: a redirect, a refusal, or a response
   * that a function generated.
   *
   * @default - the request goes to the caches
   */
  readonly immediate?: { readonly response: HttpResponse; readonly result: CacheResult };
  /** One sentence for each function that failed. */
  readonly functionErrors: readonly string[];
}

/** The request to an origin, or the response of an edge function in its place. */
export interface OriginStep {
  readonly origin: OriginModel;
  /** `host` and `path` as the origin sees them, with custom headers. */
  readonly request: HttpRequest;
  /**
   * The request as an edge function sees it: without the path and the custom headers of the origin.
   */
  readonly functionRequest: HttpRequest;
  /**
   * The response of an origin-request function. It goes to `CacheEngine.receive`; neither the
   * origin nor the origin-response function is called.
   *
   * @default - the origin is called
   */
  readonly response?: HttpResponse;
  readonly functionErrors: readonly string[];
}

export interface ResponseStep {
  readonly response: HttpResponse;
  readonly functionErrors: readonly string[];
  /**
   * The result if it differs from the engine's, because a function failed.
   *
   * @default - the engine's result
   */
  readonly result?: CacheResult;
}

/** 0 for the origin or the primary of an origin group, 1 for the group's fallback. */
export type Attempt = 0 | 1;

/** The steps of a request, in the order in which they are called. */
export interface RequestPath {
  /**
   * Matches the behavior, checks protocol and method, runs the viewer-request function, and
   * computes the cache key.
   */
  prepare(
    request: HttpRequest,
    place: ViewerPlace,
    protocol: 'http' | 'https',
  ): Promise<PreparedRequest>;
  /**
   * Applies the origin request policy and custom headers, and runs the origin-request function.
   *
   * @param attempt 1 after `failsOver` returned true
   */
  toOrigin(
    prepared: PreparedRequest,
    validators?: Validators,
    attempt?: Attempt,
  ): Promise<OriginStep>;
  /** Whether CloudFront tries the origin group's fallback after this response. */
  failsOver(prepared: PreparedRequest, response: HttpResponse | 'unreachable'): boolean;
  /** Runs the origin-response function. */
  fromOrigin(
    prepared: PreparedRequest,
    step: OriginStep,
    response: HttpResponse,
  ): Promise<ResponseStep>;
  /**
   * Applies the viewer's conditions, range and method and the response headers policy, and runs the
   * viewer-response function.
   */
  toViewer(prepared: PreparedRequest, served: ServedResponse): Promise<ResponseStep>;
}

/** The request path of a distribution, with a runner for its edge functions. */
export function requestPath(
  distribution: DistributionModel,
  functions: EdgeFunctionRunner,
): RequestPath {
  const call = async (
    { behavior, place, originId }: Pick<PreparedRequest, 'behavior' | 'place' | 'originId'>,
    event: EdgeEvent,
    messages: Pick<FunctionCall, 'request' | 'response' | 'origin'>,
  ): Promise<FunctionOutcome> => {
    const fn = behavior.functions[event];
    if (fn === undefined) return {};
    const region = event.startsWith('origin')
      ? (shieldOf(originId) ?? place.regional)
      : place.regional;
    return functions.run(fn, { ...messages, event, place: { region, pop: place.pop } });
  };
  const members = (originId: string): readonly string[] =>
    ownEntry(distribution.originGroups, originId)?.memberIds ?? [originId];
  const originOf = (originId: string) => ownEntry(distribution.origins, originId);
  const shieldOf = (originId: string) => originOf(members(originId)[0] ?? '')?.shieldRegion;

  return {
    async prepare(viewer, place, protocol) {
      const behavior = behaviorOf(distribution, viewer.path);
      const base = { behavior, viewer, place, originId: behavior.originId };
      const refused = refusal(behavior, viewer, protocol);
      if (refused) return { ...base, immediate: refused, functionErrors: [] };

      const outcome = await call(base, 'viewer-request', {
        request: viewer,
        origin: originOf(behavior.originId),
      });
      if (outcome.response) {
        const result =
          outcome.error === undefined ? 'FunctionGeneratedResponse' : 'FunctionExecutionError';
        const response = withResponseHeaders(
          viewer,
          withoutBodyOf(viewer, outcome.response),
          behavior.responseHeaders,
        );
        return { ...base, immediate: { response, result }, functionErrors: errorsOf(outcome) };
      }
      const request = withRootObject(distribution, outcome.request ?? viewer);
      const { originId = behavior.originId } = outcome;
      if (!originOf(originId) && !ownEntry(distribution.originGroups, originId)) {
        const name = behavior.functions['viewer-request']?.name;
        const error = `${name} selects the origin ${originId}, which is not in the distribution.`;
        return {
          ...base,
          immediate: { response: ownResponse(503), result: 'FunctionExecutionError' },
          functionErrors: [error],
        };
      }
      const shield = shieldOf(originId);
      return {
        ...base,
        originId,
        ...(outcome.origin && { origin: outcome.origin }),
        keyed: {
          behavior,
          request,
          ...cacheKey(behavior, request),
          pop: place.pop,
          regional: place.regional,
          ...(shield && { shield }),
        },
        functionErrors: [],
      };
    },

    async toOrigin(prepared, validators, attempt = 0) {
      const origin = prepared.origin ?? originOf(members(prepared.originId)[attempt] ?? '');
      if (!origin || !prepared.keyed)
        throw new Error(`There is no origin for ${prepared.viewer.path}.`);
      const sent = originRequest(prepared.behavior, prepared.keyed.request, origin, validators);
      const outcome = await call(prepared, 'origin-request', { request: sent, origin });
      const chosen = outcome.origin ?? origin;
      // A new domain name alone does not change Host. "Content-based dynamic origin selection" sets
      // both.
      const functionRequest = outcome.request ?? sent;
      return {
        origin: chosen,
        request: toOriginAddress(functionRequest, chosen),
        functionRequest,
        ...(outcome.response && { response: outcome.response }),
        functionErrors: errorsOf(outcome),
      };
    },

    failsOver({ originId, viewer }, response) {
      const codes = ownEntry(distribution.originGroups, originId)?.failoverStatusCodes;
      if (codes === undefined || !FAILOVER_METHODS.includes(viewer.method)) return false;
      return response === 'unreachable'
        ? codes.includes(503) || codes.includes(504)
        : codes.includes(response.status);
    },

    async fromOrigin(prepared, { functionRequest, origin }, response) {
      const received = { ...response, headers: endToEndHeaders(response.headers) };
      const outcome = await call(prepared, 'origin-response', {
        request: functionRequest,
        origin,
        response: received,
      });
      return {
        response: outcome.response ?? received,
        functionErrors: errorsOf(outcome),
        ...failure(outcome),
      };
    },

    async toViewer(prepared, served) {
      const { behavior, viewer } = prepared;
      const response = withResponseHeaders(
        viewer,
        viewerResponse(viewer, served),
        behavior.responseHeaders,
      );
      // The function does not run for a status of 400 or above: "HTTP status codes" in
      // "Restrictions on all edge functions".
      if (response.status >= 400) return { response, functionErrors: [] };
      const outcome = await call(prepared, 'viewer-response', {
        request: prepared.keyed?.request ?? viewer,
        response,
      });
      return {
        response: outcome.response ?? response,
        functionErrors: errorsOf(outcome),
        ...failure(outcome),
      };
    },
  };
}

/** The methods that fail over: "Optimize high availability with CloudFront origin failover". */
const FAILOVER_METHODS: readonly string[] = ['GET', 'HEAD', 'OPTIONS'];

/**
 * The first behavior whose pattern matches. The path is normalized for matching only ("Path
 * pattern", RFC 3986, 6.2.2).
 */
function behaviorOf({ behaviors, id }: DistributionModel, path: string): BehaviorModel {
  // `*` and `?` in a path are literal characters that no pattern can name.
  const literal = normalized(path).replace(/[*?]/g, '\n');
  const found = behaviors.find(({ pathPattern }) => catchesAll(pathPattern, literal));
  if (!found) throw new Error(`${id} has no default behavior.`);
  return found;
}

function normalized(path: string): string {
  const unreserved = path.replace(/%[0-9a-f]{2}/gi, (escaped) => {
    const character = String.fromCharCode(Number.parseInt(escaped.slice(1), 16));
    return /[A-Za-z0-9._~-]/.test(character) ? character : escaped.toUpperCase();
  });
  if (!/\/\.{1,2}(\/|$)/.test(unreserved)) return unreserved;
  const segments: string[] = [];
  for (const segment of unreserved.split('/').slice(1)) {
    if (segment === '..') segments.pop();
    else if (segment !== '.') segments.push(segment);
  }
  const isFolder = /\/\.{1,2}$/.test(unreserved) && segments.length > 0;
  return `/${segments.join('/')}${isFolder ? '/' : ''}`;
}

/**
 * "Maximum length of a request and maximum length of a URL" in "Request and response behavior for
 * custom origins".
 */
const MAX_URL_BYTES = 8_192;

/**
 * "Viewer protocol policy" and "Allowed HTTP methods" in "Cache behavior settings"; "GET requests
 * that include a body".
 */
function refusal(
  behavior: BehaviorModel,
  viewer: HttpRequest,
  protocol: 'http' | 'https',
): PreparedRequest['immediate'] {
  const target = `${viewer.path}${viewer.query === '' ? '' : `?${viewer.query}`}`;
  if (target.length > MAX_URL_BYTES) return refusedWith(413);
  if (protocol === 'http' && behavior.viewerProtocolPolicy === 'redirect-to-https') {
    return {
      response: ownResponse(301, { location: [`https://${viewer.host}${target}`] }),
      result: 'Redirect',
    };
  }
  if (protocol === 'http' && behavior.viewerProtocolPolicy === 'https-only')
    return refusedWith(403);
  if (!behavior.allowedMethods.includes(viewer.method)) return refusedWith(403);
  return viewer.method === 'GET' && Number(viewer.headers['content-length']?.[0] ?? 0) > 0
    ? refusedWith(403)
    : undefined;
}

function refusedWith(status: 403 | 413): PreparedRequest['immediate'] {
  return { response: ownResponse(status), result: 'Error' };
}

function ownResponse(status: number, headers: HeaderFields = {}): HttpResponse {
  return { status, headers: { server: ['CloudFront'], ...headers }, bodyBytes: 0 };
}

/** The default root object applies to the root only: "Specify a default root object". */
function withRootObject(
  { defaultRootObject }: DistributionModel,
  request: HttpRequest,
): HttpRequest {
  return request.path === '/' && defaultRootObject !== undefined
    ? { ...request, path: `/${defaultRootObject}` }
    : request;
}

function withoutBodyOf({ method }: HttpRequest, response: HttpResponse): HttpResponse {
  return method === 'HEAD'
    ? { status: response.status, headers: response.headers, bodyBytes: 0 }
    : response;
}

function errorsOf({ error }: FunctionOutcome): string[] {
  return error === undefined ? [] : [error];
}

function failure({ error }: FunctionOutcome): { readonly result?: 'FunctionExecutionError' } {
  return error === undefined ? {} : { result: 'FunctionExecutionError' };
}
