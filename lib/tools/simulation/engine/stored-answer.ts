/**
 * What a cache keeps of an answer. One record is shared by all caches that hold it, so that its age
 * and end are the same in each.
 */
import type { BehaviorModel } from '../distribution';
import type { HeaderFields, HttpAnswer, HttpRequest } from '../messages';
import { type Freshness, freshness } from './freshness';

export interface StoredAnswer extends Freshness {
  readonly answer: HttpAnswer;
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
 * Fields of the connection, not of the object: RFC 9111, 3.1. `Age` is told anew for each viewer.
 */
const OF_THE_CONNECTION = new Set([
  'age',
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/**
 * A 304 speaks of them for an answer without a body: RFC 9111, 3.2. `Date` and `Expires` go with
 * the newer answer or not at all.
 */
const OF_THE_BODY = new Set(['content-encoding', 'content-length', 'content-range']);

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
export function storedAnswer(
  answer: HttpAnswer,
  request: HttpRequest,
  behavior: BehaviorModel,
  errorMinTtlSeconds: Readonly<Record<number, number>>,
  nowMs: number,
): StoredAnswer {
  // To a range the origin may answer with the whole object, which is then kept: "How CloudFront
  // processes partial requests".
  const partial = answer.status === 206;
  const variant = partial || request.method === 'HEAD' ? variantOf(request) : '';
  const fresh = freshness(
    answer.status,
    answer.headers,
    answer.headers,
    behavior.cachePolicy,
    errorMinTtlSeconds,
    nowMs,
  );
  return {
    ...fresh,
    storable: fresh.storable && !(partial && variant === ''),
    answer: { ...answer, headers: keptFields(answer.headers, behavior) },
    variant,
    bytes: answer.bodyBytes + HEADER_BYTES,
  };
}

/** The same object with what a 304 says of it: RFC 9111, 4.3.4. */
export function refreshedAnswer(
  old: StoredAnswer,
  notModified: HeaderFields,
  behavior: BehaviorModel,
  errorMinTtlSeconds: Readonly<Record<number, number>>,
  nowMs: number,
): StoredAnswer {
  const news = Object.entries(keptFields(notModified, behavior)).filter(
    ([name]) => !OF_THE_BODY.has(name),
  );
  const { date: _date, ...rest } = old.answer.headers;
  const headers = { ...rest, ...Object.fromEntries(news) };
  const { status } = old.answer;
  return {
    ...old,
    answer: { ...old.answer, headers },
    ...freshness(status, headers, notModified, behavior.cachePolicy, errorMinTtlSeconds, nowMs),
  };
}

/** Whether a cache that holds the one would be told 304 by a cache that holds the other. */
export function isSameRepresentation(
  { answer: a }: StoredAnswer,
  { answer: b }: StoredAnswer,
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
function keptFields(
  headers: HeaderFields,
  { cachePolicy, originRequest }: BehaviorModel,
): HeaderFields {
  const listed =
    headers.connection
      ?.flatMap((field) => field.split(','))
      .map((name) => name.trim().toLowerCase()) ?? [];
  const cookieless = cachePolicy.cookies.kind === 'none' && originRequest.cookies.kind === 'none';
  const isKept = (name: string) =>
    !(
      OF_THE_CONNECTION.has(name) ||
      listed.includes(name) ||
      (cookieless && name === 'set-cookie')
    );
  return Object.fromEntries(Object.entries(headers).filter(([name]) => isKept(name)));
}
