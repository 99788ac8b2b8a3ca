/** An answer as it is stored, and as it is sent. */
import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import { bodyIn, codingsOf, isCompressible, type StoredBody, storeBody } from './bodies';
import { negotiateCoding } from './negotiation';
import { cacheControl, headerText, listedNames } from './rules';
import { entityTagOf, HEADERS_OF_NOT_MODIFIED, isEntityTag, isNotModified } from './validators';

/** An answer before anything was done to it; headers by name in lower case. */
export interface PlainAnswer {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  readonly body: Buffer;
}

export interface StoredAnswer {
  /** Of this form. */
  readonly form: 1;
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body: StoredBody;
  readonly etag: string;
  readonly isOwnTag: boolean;
  /** Unix milliseconds. */
  readonly storedAt: number;
  /** `Age` when it was stored, in seconds. */
  readonly ageSeconds: number;
  /** Unix milliseconds; the cache beneath may know a later time only. */
  readonly expiresAt: number | null;
  readonly mayBeStale: boolean;
}

/** Whether what came out of the cache beneath is one of ours. */
export function isStoredAnswer(value: unknown): value is StoredAnswer {
  const answer = value as Partial<StoredAnswer> | null | undefined;
  return (
    answer?.form === 1 &&
    Number.isInteger(answer.status) &&
    typeof answer.headers === 'object' &&
    typeof answer.etag === 'string' &&
    typeof answer.storedAt === 'number' &&
    typeof answer.body?.length === 'number'
  );
}

/**
 * Of one connection or one moment (RFC 9110, section 7.6.1; RFC 9111, section 3.1), or made anew
 * for each client.
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
 * They speak about the bytes that the handler wrote (RFC 9530; RFC 9421), and would be wrong about
 * compressed ones.
 */
const OF_EXACT_BYTES = ['content-digest', 'repr-digest', 'digest', 'content-md5', 'signature'];

export interface StoreRules {
  readonly ttlSeconds: number;
  /** Whether the cache beneath would keep the answer for longer. */
  readonly endsBefore: boolean;
  readonly mayBeStale: boolean;
  readonly compressionThresholdBytes: number;
  /** What is sent in addition to the handler's headers. */
  readonly added: Readonly<Record<string, string>>;
  /** Request headers that chose this answer, for `Vary`. */
  readonly varyBy: readonly string[];
  /** What earlier middleware had set: it will do so for each client. */
  readonly before: OutgoingHttpHeaders;
}

export async function storeAnswer(
  { status, headers, body }: PlainAnswer,
  rules: StoreRules,
  now: number,
): Promise<StoredAnswer> {
  const directives = cacheControl(headerText(headers['cache-control']));
  const isEncoded = headers['content-encoding'] !== undefined;
  const isFixed =
    directives.has('no-transform') || OF_EXACT_BYTES.some((name) => headers[name] !== undefined);
  const isText = isCompressible(headerText(headers['content-type'])) && !isEncoded && !isFixed;
  const stored = await storeBody(body, isText && body.length >= rules.compressionThresholdBytes);
  const given = headerText(headers.etag);
  const isOwnTag = !isEntityTag(given);
  const kept: Record<string, string | readonly string[]> = {};
  const perConnection = new Set(listedNames(headerText(headers.connection)));
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || NOT_STORED.has(name) || perConnection.has(name)) continue;
    if (headerText(rules.before[name]) === headerText(value) && rules.before[name] !== undefined)
      continue;
    kept[name] = Array.isArray(value) ? value.map(String) : String(value);
  }
  for (const [name, value] of Object.entries(rules.added)) kept[name] ??= value;
  // A vary that depends on the size of this one answer would tell a cache in front too little about
  // the next one.
  const vary = [
    ...listedNames(headerText(kept.vary)),
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
    ageSeconds: Number.parseInt(headerText(headers.age), 10) || 0,
    expiresAt: rules.endsBefore ? now + rules.ttlSeconds * 1000 : null,
    mayBeStale: rules.mayBeStale,
  };
}

/** What a client is sent. Headers by name in lower case. */
export interface SentAnswer {
  readonly status: number;
  readonly headers: Record<string, string | string[]>;
  /** Absent for a 304. */
  readonly body?: Buffer;
}

/**
 * The answer for one client: in its coding, or a 304.
 *
 * @param varyBefore what earlier middleware says for this client
 * @throws Error if the stored bytes are damaged
 */
export async function answerFor(
  answer: StoredAnswer,
  request: IncomingHttpHeaders,
  varyBefore: string,
  isFirst: boolean,
  now: number,
): Promise<SentAnswer> {
  const coding = negotiateCoding(
    request['accept-encoding'] === undefined ? undefined : headerText(request['accept-encoding']),
    codingsOf(answer.body),
  );
  const etag = entityTagOf(answer.etag, coding, answer.isOwnTag);
  const headers: Record<string, string | string[]> = { etag };
  for (const [name, value] of Object.entries(answer.headers))
    headers[name] = typeof value === 'string' ? value : [...value];
  const vary = new Set([...listedNames(varyBefore), ...listedNames(headerText(headers.vary))]);
  if (vary.size > 0) headers.vary = [...vary].join(', ');
  // "Age", RFC 9111, section 4.2.3. An answer straight from the handler has none of its own.
  const age = Math.max(0, Math.floor((now - answer.storedAt) / 1000)) + answer.ageSeconds;
  if (!isFirst || answer.ageSeconds > 0) headers.age = String(age);
  const lastModified = headerText(headers['last-modified']);
  if (
    answer.status === 200 &&
    isNotModified(request, etag, lastModified === '' ? undefined : lastModified)
  ) {
    return {
      status: 304,
      headers: Object.fromEntries(
        Object.entries(headers).filter(([name]) => HEADERS_OF_NOT_MODIFIED.has(name)),
      ),
    };
  }
  const body = await bodyIn(coding, answer.body);
  if (coding !== 'identity') headers['content-encoding'] = coding;
  headers['content-length'] = String(body.length);
  return { status: answer.status, headers, body };
}
