/**
 * The request that CloudFront sends to an origin: "Control origin requests with a policy" and
 * "Request and response behavior for custom origins", Amazon CloudFront developer guide.
 */

import {
  type BehaviorModel,
  type OriginModel,
  parameterName,
  type Selection,
  selects,
} from '../distribution';
import { isCacheable, type Validators } from '../engine';
import { cookiesOf, endToEndHeaders, filterHeaders } from '../headers';
import type { HeaderFields, HttpRequest } from '../messages';
import { normalizedAcceptEncoding } from './accept-encoding';

/** Removed whatever the policy selects: "HTTP request headers and CloudFront behavior". */
const REMOVED = ['expect', 'max-forwards', 'x-edge-location', 'x-forwarded-proto', 'x-real-ip'];

/** Forwarded whatever the policy selects: the same table. */
const ALWAYS_FORWARDED = new Set(
  (
    'cache-control content-encoding content-length content-md5 content-type date from if-match ' +
    'if-modified-since if-none-match if-range if-unmodified-since origin pragma range ' +
    'request-range warning'
  ).split(' '),
);

/**
 * Conditional headers. `If-Range` is not among them, because it belongs to its range, and another
 * range is another object.
 */
const CONDITIONS = ['if-match', 'if-modified-since', 'if-none-match', 'if-unmodified-since'];

/**
 * The request that an origin-request function sees: without the origin's path and custom headers.
 */
export function originRequest(
  behavior: BehaviorModel,
  request: HttpRequest,
  origin: OriginModel,
  validators?: Validators,
): HttpRequest {
  const { cachePolicy, originRequest: policy } = behavior;
  const forwards = (name: string) =>
    selects(cachePolicy.headers, name) || selects(policy.headers, name);
  const sent = endToEndHeaders(request.headers);
  const headers: Record<string, readonly string[]> = {
    ...filterHeaders(
      sent,
      (name) =>
        name !== 'cookie' &&
        name !== 'accept-encoding' &&
        !REMOVED.includes(name) &&
        (ALWAYS_FORWARDED.has(name) || forwards(name)),
    ),
  };
  const normalizes = cachePolicy.gzip || cachePolicy.brotli;
  const encoding = normalizes
    ? normalizedAcceptEncoding(sent['accept-encoding'], cachePolicy)
    : undefined;
  if (encoding !== undefined) headers['accept-encoding'] = [encoding];
  else if (!normalizes && sent['accept-encoding'] && forwards('accept-encoding'))
    headers['accept-encoding'] = sent['accept-encoding'];

  const cookies = cookiesOf(sent).filter((cookie) =>
    [cachePolicy.cookies, policy.cookies].some((each) => selects(each, parameterName(cookie))),
  );
  if (cookies.length > 0) headers.cookie = [cookies.join('; ')];

  if (headers['user-agent'] === undefined) headers['user-agent'] = ['Amazon CloudFront'];
  headers.via = [[...(sent.via ?? []), '1.1 isochrone.cloudfront.net (CloudFront)'].join(', ')];
  headers['x-forwarded-for'] = [
    [...(sent['x-forwarded-for'] ?? []), request.clientAddress].join(', '),
  ];

  return {
    ...request,
    host: forwards('host') ? request.host : origin.domainName.toLowerCase(),
    query: forwardedQuery(request.query, [cachePolicy.query, policy.query]),
    headers: isCacheable({ behavior, request })
      ? withConditionsOf(validators ?? {}, headers)
      : headers,
  };
}

/**
 * The request as it leaves CloudFront: with the origin's path and custom headers, which replace the
 * viewer's headers of the same name ("Add custom headers to origin requests").
 */
export function toOriginAddress(request: HttpRequest, origin: OriginModel): HttpRequest {
  const custom = Object.fromEntries(
    Object.entries(origin.customHeaders).map(([name, value]) => [name, [value]]),
  );
  return {
    ...request,
    path: `${origin.path}${request.path}`,
    headers: { ...request.headers, ...custom },
  };
}

/**
 * Makes a request for the cache. It carries the validators of an expired object, or no conditions
 * without one. The viewer's own conditions apply to the response later.
 */
function withConditionsOf({ etag, lastModified }: Validators, headers: HeaderFields): HeaderFields {
  return {
    ...filterHeaders(headers, (name) => !CONDITIONS.includes(name)),
    ...(etag !== undefined && { 'if-none-match': [etag] }),
    ...(lastModified !== undefined && { 'if-modified-since': [lastModified] }),
  };
}

function forwardedQuery(query: string, selections: readonly Selection[]): string {
  if (query === '' || selections.some(({ kind }) => kind === 'all')) return query;
  return query
    .split('&')
    .filter((parameter) =>
      selections.some((selection) => selects(selection, parameterName(parameter))),
    )
    .join('&');
}
