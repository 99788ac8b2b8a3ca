/**
 * HTTP messages as the model sees them, and what becomes of a request. Types only: every file of
 * the room speaks of these.
 */

/** Fields by their name in lower case; several of one name in the order in which they came. */
export type HeaderFields = Readonly<Record<string, readonly string[]>>;

/**
 * A request as a viewer sends it, or as it goes on to an origin. Bytes are kept as they came:
 * nothing is decoded.
 */
export interface HttpRequest {
  readonly method: string;
  /** As in `Host`, in lower case. */
  readonly host: string;
  /** With its first slash, without the query. */
  readonly path: string;
  /** Without the question mark; empty if there is none. */
  readonly query: string;
  readonly headers: HeaderFields;
  readonly clientAddress: string;
}

/** An answer of an origin, of an edge function, or to a viewer. */
export interface HttpResponse {
  readonly status: number;
  readonly headers: HeaderFields;
  /** Bytes of the body, as it would be sent: 0 for HEAD and 304. */
  readonly bodyBytes: number;
  /** The body itself, where there is one to serve: the emulator has it, a replayed log does not. */
  readonly body?: Uint8Array;
}

/** Why the edge location's cache did not serve a request. */
export const MISS_REASONS = [
  /** The cache never held an object of this key. */
  'first-seen',
  /** The object had expired. */
  'expired',
  /** The object was evicted to make room. */
  'evicted',
  /** The object was invalidated. */
  'invalidated',
  /** The cache holds the same URL under another header, cookie or language of the key. */
  'varied',
  /** The method, the behavior or the origin's response prevents caching. */
  'uncacheable',
] as const;

export type MissReason = (typeof MISS_REASONS)[number];

/**
 * Where the answer came from: the edge location, the regional edge cache, Origin Shield, the
 * origin, or an edge function.
 */
export type ServedBy = 'pop' | 'regional' | 'shield' | 'origin' | 'function';

/**
 * As the field `x-edge-result-type` of CloudFront's access logs and the header `X-Cache` name it.
 */
export type CacheResult =
  | 'Hit'
  | 'RefreshHit'
  | 'OriginShieldHit'
  | 'Miss'
  | 'Error'
  | 'LimitExceeded'
  | 'FunctionGeneratedResponse'
  | 'FunctionExecutionError'
  | 'Redirect';
