/**
 * A response as caches store it. All caches share one record, so its age and expiry are the same in
 * each.
 */
import type { BehaviorModel } from '../distribution';
import { endToEndHeaders, filterHeaders } from '../headers';
import type { HeaderFields, HttpRequest, HttpResponse } from '../messages';
import { type Freshness, freshness } from './freshness';

export interface StoredResponse extends Freshness {
  readonly response: HttpResponse;
  /** The variant of the object beside its key: see `variantOf`. */
  readonly variant: string;
  /** The bytes that it occupies in a cache. */
  readonly bytes: number;
}

/** Modeled: the bytes of a key and the header fields in a cache. AWS publishes no figure. */
const HEADER_BYTES = 1024;

/**
 * Fields that a cache does not store beside the hop-by-hop ones. `Age` is computed for each viewer;
 * proxy authentication concerns one connection: RFC 9111, 3.1.
 */
const NOT_STORED = new Set(['age', 'proxy-authentication-info']);

/**
 * Fields of a 304 that describe a response without a body: RFC 9111, 3.2. `Date` is replaced by the
 * newer one or removed.
 */
const DESCRIBES_BODY = new Set(['content-encoding', 'content-length', 'content-range']);

/**
 * The suffix of the key for objects that hold a part of the whole. GET and HEAD share an object,
 * and so do all ranges of a whole object. Without the whole object, a HEAD and each range have an
 * object of their own. The documentation does not say that CloudFront combines ranges, so the model
 * does not: only the same range again is a hit.
 */
export function variantOf({ method, headers }: HttpRequest): string {
  if (method === 'HEAD') return '\nHEAD';
  if (method !== 'GET' || headers.range === undefined) return '';
  return `\nrange=${headers.range.join(',')};${headers['if-range']?.join(',') ?? ''}`;
}

/**
 * Stores an origin's response to an unconditional request, or a changed response to a conditional
 * one.
 */
export function storedResponse(
  response: HttpResponse,
  request: HttpRequest,
  behavior: BehaviorModel,
  errorMinTtlSeconds: Readonly<Record<number, number>>,
  nowMs: number,
): StoredResponse {
  // The origin may respond to a range request with the whole object, which is then stored: "How
  // CloudFront processes partial requests".
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

/** Updates a stored response with the fields of a 304: RFC 9111, 4.3.4. */
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

/** Whether one cache would get a 304 from another, given the responses that they store. */
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
 * The fields that a cache stores. CloudFront stores `Set-Cookie` with the object, so every viewer
 * gets the first viewer's cookie: "Caching content based on cookies". If no cookie goes to the
 * origin, it removes the field: the same page.
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
