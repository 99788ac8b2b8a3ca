/** Behaviors and requests for the tests of the engine. */

import type {
  BehaviorModel,
  CachePolicyModel,
} from '../../../../lib/tools/simulation/distribution/distribution';
import type { Selection } from '../../../../lib/tools/simulation/distribution/selection';
import type { KeyedRequest } from '../../../../lib/tools/simulation/engine/engine';
import type { HttpRequest } from '../../../../lib/tools/simulation/messages';
import { cacheKey } from '../../../../lib/tools/simulation/path/cache-key';

export const NONE: Selection = { kind: 'none', names: [] };
export const ALL: Selection = { kind: 'all', names: [] };

export function only(...names: string[]): Selection {
  return { kind: 'only', names };
}

export function behavior(
  policy: Partial<CachePolicyModel> = {},
  rest: Partial<BehaviorModel> = {},
): BehaviorModel {
  return {
    pathPattern: '*',
    allowedMethods: ['GET', 'HEAD', 'OPTIONS', 'PUT', 'PATCH', 'POST', 'DELETE'],
    cachedMethods: ['GET', 'HEAD'],
    viewerProtocolPolicy: 'allow-all',
    compress: false,
    originId: 'origin',
    cachePolicy: {
      name: 'test',
      minTtlSeconds: 0,
      defaultTtlSeconds: 86_400,
      maxTtlSeconds: 31_536_000,
      headers: NONE,
      query: NONE,
      cookies: NONE,
      gzip: false,
      brotli: false,
      ...policy,
    },
    originRequest: { headers: NONE, query: NONE, cookies: only('session') },
    functions: {},
    ...rest,
  };
}

/** @param url path and query, such as `/a?x=1` */
export function httpRequest(url: string, rest: Partial<HttpRequest> = {}): HttpRequest {
  const [path = '', ...query] = url.split('?');
  return {
    method: 'GET',
    host: 'www.example.com',
    path,
    query: query.join('?'),
    headers: {},
    clientAddress: '192.0.2.1',
    ...rest,
  };
}

export function keyed(
  id: number,
  of: BehaviorModel,
  request: HttpRequest,
  place: { pop?: string; regional?: string; shield?: string } = {},
): KeyedRequest {
  return {
    id,
    behavior: of,
    request,
    ...cacheKey(of, request),
    pop: 'NRT',
    regional: 'ap-northeast-1',
    ...place,
  };
}
