/** A response as it is stored, and as each client receives it. */
import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import { bodyIn, codingsOf, isCompressible, type StoredBody, storeBody } from './body';
import { type ContentCoding, negotiateCoding } from './negotiation';
import { cacheControl, fieldValue, listedNames } from './rules';

/** A response as the handler wrote it. Header names are in lower case. */
export interface PlainResponse {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  readonly body: Buffer;
}

/** A response in the store. */
export interface StoredResponse {
  /** The version of this format. */
  readonly form: 1;
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body: StoredBody;
  readonly etag: string;
  /** Whether the cache made the entity tag; otherwise the handler did. */
  readonly isOwnTag: boolean;
  /** Unix milliseconds. */
  readonly storedAt: number;
  /** The handler's `Age` header, in seconds. */
  readonly ageSeconds: number;
  /**
   * Unix milliseconds; null if the store's own expiry applies, because it is never later than the
   * response's.
   */
  readonly expiresAt: number | null;
  readonly mayBeStale: boolean;
}

/** Whether a value that the store returned has the format of a stored response. */
export function isStoredResponse(value: unknown): value is StoredResponse {
  const response = value as Partial<StoredResponse> | null | undefined;
  return (
    response?.form === 1 &&
    Number.isInteger(response.status) &&
    typeof response.headers === 'object' &&
    typeof response.etag === 'string' &&
    typeof response.storedAt === 'number' &&
    typeof response.body?.length === 'number'
  );
}

/**
 * Headers that belong to one connection or one moment (RFC 9110, section 7.6.1; RFC 9111, section
 * 3.1), or that are computed for each client.
 */
const NOT_STORED: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authentication-info',
  'te',
  'transfer-encoding',
  'upgrade',
  'date',
  'age',
  'content-length',
  'etag',
  'x-cache',
  'x-cache-reason',
]);

/**
 * Headers that describe the exact bytes that the handler wrote (RFC 9530; RFC 9421). They would be
 * wrong for compressed bytes.
 */
const OF_EXACT_BYTES = ['content-digest', 'repr-digest', 'digest', 'content-md5', 'signature'];

/** How a response is stored. */
export interface StoreRules {
  readonly ttlSeconds: number;
  /** Whether the response expires before its entry in the store does. */
  readonly endsBefore: boolean;
  readonly mayBeStale: boolean;
  readonly compressionThresholdBytes: number;
  /** Headers to send in addition to the handler's. */
  readonly added: Readonly<Record<string, string>>;
  /** Request headers that selected this response, for `Vary`. */
  readonly varyBy: readonly string[];
  /** Headers that earlier middleware set. It sets them again for each client. */
  readonly before: OutgoingHttpHeaders;
}

/** Converts a response to its stored form. */
export async function storeResponse(
  { status, headers, body }: PlainResponse,
  rules: StoreRules,
  now: number,
): Promise<StoredResponse> {
  const directives = cacheControl(fieldValue(headers['cache-control']));
  const isEncoded = headers['content-encoding'] !== undefined;
  const isFixed =
    directives.has('no-transform') || OF_EXACT_BYTES.some((name) => headers[name] !== undefined);
  const isText = isCompressible(fieldValue(headers['content-type'])) && !isEncoded && !isFixed;
  const stored = await storeBody(body, isText && body.length >= rules.compressionThresholdBytes);
  const given = fieldValue(headers.etag);
  const isOwnTag = !ENTITY_TAG.test(given);
  const kept: Record<string, string | readonly string[]> = {};
  const perConnection = new Set(listedNames(fieldValue(headers.connection)));
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || NOT_STORED.has(name) || perConnection.has(name)) continue;
    if (fieldValue(rules.before[name]) === fieldValue(value) && rules.before[name] !== undefined)
      continue;
    kept[name] = Array.isArray(value) ? value.map(String) : String(value);
  }
  for (const [name, value] of Object.entries(rules.added)) kept[name] ??= value;
  // `Vary` must not depend on the size of this one response: a cache in front could not tell how
  // the next response varies.
  const vary = [
    ...listedNames(fieldValue(kept.vary)),
    ...rules.varyBy,
    ...(isText ? ['accept-encoding'] : []),
  ];
  if (vary.length > 0) kept.vary = [...new Set(vary)].join(', ');
  return {
    form: 1,
    status,
    headers: kept,
    body: stored,
    etag: isOwnTag
      ? `"${createHash('sha256').update(body).digest('base64url').slice(0, 27)}"`
      : given,
    isOwnTag,
    storedAt: now,
    ageSeconds: Number.parseInt(fieldValue(headers.age), 10) || 0,
    expiresAt: rules.endsBefore ? now + rules.ttlSeconds * 1000 : null,
    mayBeStale: rules.mayBeStale,
  };
}

/** A response to one client. Header names are in lower case. */
export interface SentResponse {
  readonly status: number;
  readonly headers: Record<string, string | string[]>;
  /** Absent for a 304. */
  readonly body?: Buffer;
}

/**
 * Makes the response for one client: in a coding that it accepts, or a 304.
 *
 * @param varyBefore the `Vary` that earlier middleware set for this client
 * @param isFirst whether the handler has just written this response
 * @throws Error if the stored bytes are damaged
 */
export async function responseFor(
  stored: StoredResponse,
  request: IncomingHttpHeaders,
  varyBefore: string,
  isFirst: boolean,
  now: number,
): Promise<SentResponse> {
  const coding = negotiateCoding(
    request['accept-encoding'] === undefined ? undefined : fieldValue(request['accept-encoding']),
    codingsOf(stored.body),
  );
  const etag = entityTagOf(stored.etag, coding, stored.isOwnTag);
  const headers: Record<string, string | string[]> = { etag };
  for (const [name, value] of Object.entries(stored.headers))
    headers[name] = typeof value === 'string' ? value : [...value];
  const vary = new Set([...listedNames(varyBefore), ...listedNames(fieldValue(headers.vary))]);
  if (vary.size > 0) headers.vary = [...vary].join(', ');
  // "Age", RFC 9111, section 4.2.3. A response straight from the handler has no age of its own.
  const age = Math.max(0, Math.floor((now - stored.storedAt) / 1000)) + stored.ageSeconds;
  if (!isFirst || stored.ageSeconds > 0) headers.age = String(age);
  const lastModified = fieldValue(headers['last-modified']);
  if (
    stored.status === 200 &&
    isNotModified(request, etag, lastModified === '' ? undefined : lastModified)
  ) {
    return {
      status: 304,
      headers: Object.fromEntries(
        Object.entries(headers).filter(([name]) => HEADERS_OF_NOT_MODIFIED.has(name)),
      ),
    };
  }
  const body = await bodyIn(coding, stored.body);
  if (coding !== 'identity') headers['content-encoding'] = coding;
  headers['content-length'] = String(body.length);
  return { status: stored.status, headers, body };
}

/** "ETag", RFC 9110, section 8.8.3. */
const ENTITY_TAG = /^(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"$/;

/**
 * The entity tag for one coding of a response. Codings of one response differ in their bytes, so
 * their strong tags must differ too (RFC 9110, section 8.8.3.3). The cache's own tags get a suffix.
 * A handler's strong tag describes the bytes that the handler wrote, so it becomes weak.
 */
function entityTagOf(tag: string, coding: ContentCoding, isOwnTag: boolean): string {
  if (coding === 'identity') return tag;
  if (isOwnTag) return `${tag.slice(0, -1)}-${coding}"`;
  return tag.startsWith('W/') ? tag : `W/${tag}`;
}

/**
 * An IMF-fixdate. The two obsolete date formats count as absent, which only costs a full response.
 */
const HTTP_DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

function httpDate(text: string): number {
  return HTTP_DATE.test(text) ? Date.parse(text) : Number.NaN;
}

/**
 * Whether the client already has this response (RFC 9110, section 13). `If-None-Match` compares
 * weakly (section 13.1.2), and `If-Modified-Since` is ignored beside it (section 13.1.3).
 */
function isNotModified(
  request: IncomingHttpHeaders,
  etag: string,
  lastModified: string | undefined,
): boolean {
  const noneMatch = request['if-none-match'];
  if (noneMatch !== undefined) {
    if (noneMatch.trim() === '*') return true;
    const opaque = (tag: string): string => (tag.startsWith('W/') ? tag.slice(2) : tag);
    return (noneMatch.match(/(?:W\/)?"[^"]*"/g) ?? []).some((tag) => opaque(tag) === opaque(etag));
  }
  if (lastModified === undefined) return false;
  return httpDate(lastModified) <= httpDate(fieldValue(request['if-modified-since']));
}

/** The headers of a 304: those of RFC 9110, section 15.4.5, and those that the cache adds. */
const HEADERS_OF_NOT_MODIFIED: ReadonlySet<string> = new Set([
  'age',
  'cache-control',
  'content-location',
  'etag',
  'expires',
  'last-modified',
  'vary',
]);
