/**
 * What a cache keeps of an answer. One record is shared by all caches that hold it, so that its age
 * and end are the same in each.
 */
import type { BehaviorModel } from '../distribution';
import { endToEndHeaders, filterHeaders } from '../headers';
import type { HeaderFields, HttpRequest, HttpResponse } from '../messages';
import { type Freshness, freshness } from './freshness';

export interface StoredResponse extends Freshness {
  readonly response: HttpResponse;
  /** Of what it is an answer, beside the key: see `variantOf`. */
  readonly variant: string;
  /** What it takes of a cache. */
  readonly bytes: number;
}

/**
 * Modelled: what a key and the header fields take of a cache, beside the body. AWS publishes no
 * figure.
 */
const HEADER_BYTES = 1024;

/**
 * Fields that a cache does not store beside the hop-by-hop ones. `Age` is computed for each viewer;
 * proxy authentication concerns one connection: RFC 9111, 3.1.
 */
const NOT_STORED = new Set(['age', 'proxy-authentication-info']);

/**
 * A 304 speaks of them for an answer without a body: RFC 9111, 3.2. `Date` and `Expires` go with
 * the newer answer or not at all.
 */
const DESCRIBES_BODY = new Set(['content-encoding', 'content-length', 'content-range']);

/**
 * GET and HEAD share an object, and so do all ranges of one that is there as a whole. Until it is,
 * a HEAD and each range have an object of their own, which follows the key. That ranges are put
 * together is not documented, and not modelled: the same range again is a hit.
 */
export function variantOf({ method, headers }: HttpRequest): string {
  if (method === 'HEAD') return '\nHEAD';
  if (method !== 'GET' || headers.range === undefined) return '';
  return `\nrange=${headers.range.join(',')};${headers['if-range']?.join(',') ?? ''}`;
}

/** An answer of the origin to a request without conditions, or one that changed meanwhile. */
export function storedResponse(
  response: HttpResponse,
  request: HttpRequest,
  behavior: BehaviorModel,
  errorMinTtlSeconds: Readonly<Record<number, number>>,
  nowMs: number,
): StoredResponse {
  // To a range the origin may answer with the whole object, which is then kept: "How CloudFront
  // processes partial requests".
  const partial = response.status === 206;
  const variant = partial || request.method === 'HEAD' ? variantOf(request) : '';
  const fresh = freshness(
    response.status,
    response.headers,
    response.headers,
    behavior.cachePolicy,
    errorMinTtlSeconds,
    nowMs,
  );
  return {
    ...fresh,
    storable: fresh.storable && !(partial && variant === ''),
    response: { ...response, headers: storedFields(response.headers, behavior) },
    variant,
    bytes: response.bodyBytes + HEADER_BYTES,
  };
}

/** The same object with what a 304 says of it: RFC 9111, 4.3.4. */
export function refreshedResponse(
  old: StoredResponse,
  notModified: HeaderFields,
  behavior: BehaviorModel,
  errorMinTtlSeconds: Readonly<Record<number, number>>,
  nowMs: number,
): StoredResponse {
  const updates = filterHeaders(
    storedFields(notModified, behavior),
    (name) => !DESCRIBES_BODY.has(name),
  );
  const { date: _date, ...rest } = old.response.headers;
  const headers = { ...rest, ...updates };
  const { status } = old.response;
  return {
    ...old,
    response: { ...old.response, headers },
    ...freshness(status, headers, notModified, behavior.cachePolicy, errorMinTtlSeconds, nowMs),
  };
}

/** Whether a cache that holds the one would be told 304 by a cache that holds the other. */
export function isSameRepresentation(
  { response: a }: StoredResponse,
  { response: b }: StoredResponse,
): boolean {
  if (a.status !== b.status) return false;
  const [etag, other] = [a.headers.etag?.[0], b.headers.etag?.[0]];
  if (etag !== undefined || other !== undefined) return etag === other;
  const modified = a.headers['last-modified']?.[0];
  return modified !== undefined && modified === b.headers['last-modified']?.[0];
}

/**
 * `Set-Cookie` is kept with the object, so each viewer is given the cookie of the first: "Caching
 * content based on cookies". Where no cookie goes to the origin, CloudFront removes the field: the
 * same page.
 */
function storedFields(
  headers: HeaderFields,
  { cachePolicy, originRequest }: BehaviorModel,
): HeaderFields {
  const cookieless = cachePolicy.cookies.kind === 'none' && originRequest.cookies.kind === 'none';
  return filterHeaders(
    endToEndHeaders(headers),
    (name) => !NOT_STORED.has(name) && !(cookieless && name === 'set-cookie'),
  );
}
