/**
 * HTTP messages as the model represents them, and the outcomes of a request. The whole room uses
 * these types, so this file imports nothing.
 */

/** Header fields by name in lower case. Fields of the same name keep their order. */
export type HeaderFields = Readonly<Record<string, readonly string[]>>;

/** A request as the viewer sends it or as CloudFront sends it to an origin. Nothing is decoded. */
export interface HttpRequest {
  readonly method: string;
  /** The value of `Host`, in lower case. */
  readonly host: string;
  /** Starts with a slash; excludes the query. */
  readonly path: string;
  /** Excludes the question mark; empty if there is no query. */
  readonly query: string;
  readonly headers: HeaderFields;
  readonly clientAddress: string;
}

/** A response from an origin, from an edge function, or to a viewer. */
export interface HttpResponse {
  readonly status: number;
  readonly headers: HeaderFields;
  /** Bytes of the body as it would be sent: 0 for HEAD and 304. */
  readonly bodyBytes: number;
  /**
   * The body.
   *
   * @default - unknown: a replayed log has sizes only, the emulator has bodies
   */
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
 * Where a response came from: the edge location, the regional edge cache, Origin Shield, the
 * origin, or an edge function.
 */
export type ServedBy = 'pop' | 'regional' | 'shield' | 'origin' | 'function';

/**
 * The values of the field `x-edge-result-type` of CloudFront's access logs and of the header
 * `X-Cache`.
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
