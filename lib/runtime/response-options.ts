import { describeValue, type InvalidValue, IsochroneError } from '../errors';
import type { CacheStrategy } from './cache-strategy';
import type { QueryKey } from './response-query';

/** How a route's answers are kept, as the cache beneath understands it. */
export interface ResponseStrategy extends CacheStrategy {
  readonly staleSeconds: number;
  readonly serveStale: 'while-renewing' | 'if-error';
}

export interface ResponseStoreCall {
  readonly strategy: ResponseStrategy;
  readonly tags: readonly string[];
}

/** What is asked of the cache beneath. `TieredCache` is one. None of these may take long when a server is down. */
export interface ResponseStore {
  get<T>(
    key: string,
    options: ResponseStoreCall,
  ): Promise<{ readonly found: true; readonly value: T; readonly fresh: boolean } | { readonly found: false }>;
  getOrLoad<T>(key: string, loader: () => Promise<T>, options: ResponseStoreCall): Promise<T>;
  delete(key: string, options: ResponseStoreCall): Promise<unknown>;
  invalidateTags(...tags: string[]): Promise<{ readonly reached: boolean }>;
}

/** Something that the owner of a route should know; each is told once. */
export interface ResponseWarning {
  /**
   * `vary`: answers vary by a header that is not in the key, and are not stored. `callback`: a function of the options threw.
   * `store`: the cache beneath failed.
   */
  readonly code: 'vary' | 'callback' | 'store';
  readonly message: string;
}

export interface ResponseCacheOptions {
  /** Where answers are kept. */
  readonly store: ResponseStore;
  /**
   * The cookies that tell users apart: a request with one of them is answered by the handler, unless its route says `shared` or
   * `user`.
   *
   * @default 'any': each cookie may be a session
   */
  readonly sessionCookies?: 'any' | readonly string[];
  /**
   * The beginning of every key.
   *
   * @default 'response:'
   */
  readonly prefix?: string;
  /**
   * Answers of fewer bytes are not compressed.
   *
   * @default 1024
   */
  readonly compressionThresholdBytes?: number;
  /**
   * Answers of more bytes, before compression, are passed on and not kept. A route may say otherwise.
   *
   * @default 1 MiB
   */
  readonly maxBodyBytes?: number;
  /**
   * The header that carries an answer's tags to a CDN: separated by commas, or by spaces in `Surrogate-Key`.
   *
   * @default none
   */
  readonly tagHeader?: string;
  /**
   * How long requests for a key no longer wait for each other after its answer turned out not to be cacheable, in seconds.
   *
   * @default 5
   */
  readonly passSeconds?: number;
  /**
   * Whether `X-Cache-Reason` says why an answer did not come from the cache. It tells clients about your rules.
   *
   * @default false
   */
  readonly debug?: boolean;
  /** @default a warning of the process */
  readonly onWarning?: (warning: ResponseWarning) => void;
}

/** How the answers of one route are kept. `Request` is the framework's. */
export interface ResponseRoute<Request> {
  /**
   * How long an answer is fresh, in seconds; or `answer`: as its own `Cache-Control` says (`s-maxage`, else `max-age`), and not
   * at all if it says nothing.
   */
  readonly ttlSeconds: number | 'answer';
  /**
   * The most that an answer may say for itself, in seconds; with `ttlSeconds: 'answer'` only.
   *
   * @default 3600
   */
  readonly maxTtlSeconds?: number;
  /**
   * Other statuses than 200 that are kept, each with its time in seconds: `{ 404: 5 }`. 400 to 499 and 3xx without a body of their own
   * are safe choices; 206, 304 and 5xx are refused.
   *
   * @default none
   */
  readonly statuses?: Readonly<Record<number, number>>;
  /**
   * How long an answer is kept after it stopped being fresh, in seconds; `serveStale` says for what. Not with `ttlSeconds: 'answer'`.
   *
   * @default 0
   */
  readonly staleSeconds?: number;
  /**
   * `while-renewing`: a stale answer is sent at once, and the route is run again in the background. `if-error`: only in place of a
   * status of 500 or more.
   *
   * @default 'while-renewing'
   */
  readonly serveStale?: 'while-renewing' | 'if-error';
  /** @default 'all' */
  readonly query?: QueryKey;
  /**
   * The languages of the route, the default one first. The handler sees the negotiated one as the whole of `Accept-Language`.
   *
   * @default none: the answer does not depend on the language
   */
  readonly languages?: readonly string[];
  /**
   * Other request headers that the answer depends on. Each value makes an entry of its own: name none that clients choose freely.
   *
   * @default none
   */
  readonly varyBy?: readonly string[];
  /**
   * Whether answers depend on `Host`.
   *
   * @default true
   */
  readonly host?: boolean;
  /**
   * Whether the answer is the same for all users, although requests carry `Authorization` or a session cookie. Who may see it
   * must be decided before the cache: a hit does not run the handler.
   *
   * @default false
   */
  readonly shared?: boolean;
  /**
   * Who asks: the answer is kept for this user alone. Take it from a verified session or token, never from what a client can
   * choose. Nothing (or empty text) means a stranger, who shares answers with other strangers.
   *
   * @default none
   */
  readonly user?: (request: Request) => string | undefined;
  /**
   * What the answer depends on, for `invalidateTags`.
   *
   * @default none
   */
  readonly tags?: readonly string[] | ((request: Request) => readonly string[]);
  /** @default the cache's */
  readonly maxBodyBytes?: number;
  /**
   * Whether `no-store`, `no-cache` and `max-age=0` of a request run the handler. Ignoring them keeps clients from choosing your load.
   *
   * @default 'ignore'
   */
  readonly requestCacheControl?: 'ignore' | 'honour';
}

const LONGEST_SECONDS = 366 * 86_400;
/** "Tokens", RFC 9110, section 5.6.2. */
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const LANGUAGE_TAG = /^[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*$/;

function refuse(where: string, problem: InvalidValue): never {
  throw new IsochroneError(
    `${where}: ${problem.property} must be ${problem.allowed}, got ${describeValue(problem.value)}.\n${problem.rule} ${problem.fix}`,
  );
}

function checkNumber(where: string, property: string, value: number | undefined, from: number, to: number, rule: string): void {
  if (value === undefined || (typeof value === 'number' && value >= from && value <= to)) return;
  refuse(where, {
    property,
    value,
    allowed: `a number from ${from} to ${to}`,
    rule,
    fix: 'Leave it out for the default, or correct the unit.',
  });
}

function checkNames(where: string, property: string, values: readonly string[] | undefined, pattern: RegExp, rule: string): void {
  const wrong = values?.find((value) => typeof value !== 'string' || !pattern.test(value));
  if (wrong !== undefined) refuse(where, { property, value: wrong, allowed: 'a list of names', rule, fix: 'Write each name by itself.' });
}

/** @throws IsochroneError for an option that cannot be meant */
export function checkCacheOptions(options: ResponseCacheOptions): void {
  const where = 'ResponseCache';
  const { sessionCookies, tagHeader } = options;
  checkNumber(where, 'compressionThresholdBytes', options.compressionThresholdBytes, 0, Number.MAX_SAFE_INTEGER, 'It is a size in bytes.');
  checkNumber(where, 'maxBodyBytes', options.maxBodyBytes, 1, 2 ** 30, 'An answer is held in memory, whole.');
  checkNumber(where, 'passSeconds', options.passSeconds, 0, 3600, 'It is a short time in seconds.');
  if (sessionCookies !== 'any')
    checkNames(where, 'sessionCookies', sessionCookies, HEADER_NAME, "A cookie's name is a token (RFC 6265, section 4.1.1).");
  checkNames(where, 'tagHeader', tagHeader === undefined ? [] : [tagHeader], HEADER_NAME, 'It is the name of a header.');
}

/** @throws IsochroneError for an option that cannot be meant */
export function checkRoute<Request>(route: ResponseRoute<Request>): void {
  const where = 'ResponseRoute';
  if (route.ttlSeconds !== 'answer') {
    if (route.ttlSeconds === undefined) refuseTtl(where, route.ttlSeconds);
    checkNumber(where, 'ttlSeconds', route.ttlSeconds, 0.001, LONGEST_SECONDS, 'It is a time in seconds.');
  } else if ((route.staleSeconds ?? 0) > 0) {
    refuse(where, {
      property: 'staleSeconds',
      value: route.staleSeconds,
      allowed: "0 with ttlSeconds 'answer'",
      rule: 'A stale answer is renewed by a time that is known before the answer is.',
      fix: 'Give ttlSeconds as a number.',
    });
  }
  checkNumber(where, 'maxTtlSeconds', route.maxTtlSeconds, 0.001, LONGEST_SECONDS, 'It is a time in seconds.');
  checkNumber(where, 'staleSeconds', route.staleSeconds, 0, LONGEST_SECONDS, 'It is a time in seconds.');
  checkNumber(where, 'maxBodyBytes', route.maxBodyBytes, 1, 2 ** 30, 'An answer is held in memory, whole.');
  checkNames(where, 'varyBy', route.varyBy, HEADER_NAME, 'It names request headers.');
  checkNames(where, 'languages', route.languages, LANGUAGE_TAG, 'A language is a tag such as de or de-CH (RFC 5646).');
  for (const [status, seconds] of Object.entries(route.statuses ?? {})) {
    checkNumber(where, `statuses[${status}]`, seconds, 0.001, LONGEST_SECONDS, 'It is a time in seconds.');
    if (/^[234]\d\d$/.test(status) && status !== '206' && status !== '304') continue;
    refuse(where, {
      property: 'statuses',
      value: status,
      allowed: 'a status from 200 to 499, other than 206 and 304',
      rule: 'A part of an answer, a validation and a failure are no answers to other requests (RFC 9111, sections 3.3 and 4.3).',
      fix: "For failures, see serveStale: 'if-error'.",
    });
  }
  if (route.shared === true && route.user !== undefined) {
    refuse(where, {
      property: 'shared',
      value: true,
      allowed: 'false beside user',
      rule: 'An answer is either the same for all users or kept for one.',
      fix: 'Leave one of the two out.',
    });
  }
}

function refuseTtl(where: string, value: unknown): never {
  return refuse(where, {
    property: 'ttlSeconds',
    value,
    allowed: "a number of seconds or 'answer'",
    rule: 'How long an answer may be shared is for its route to say.',
    fix: 'Start with a few seconds.',
  });
}
