import { invalidOption } from '../../model/errors';
import { keyPart } from '../shared';
import type { CacheStrategy } from '../tiered-cache';
import type { CredentialNames } from './credentials';
import type { QueryKey } from './query';

/** How the store keeps the responses of a route. */
export interface ResponseStrategy extends CacheStrategy {
  readonly staleSeconds: number;
  readonly serveStale: 'while-renewing' | 'if-error';
}

/** Options of one call of the store. */
export interface ResponseStoreCall {
  readonly strategy: ResponseStrategy;
  readonly tags: readonly string[];
}

/**
 * The methods that `ResponseCache` calls on its store. `TieredCache` has them. Each must return
 * quickly even when a server is down.
 */
export interface ResponseStore {
  get<T>(
    key: string,
    options: ResponseStoreCall,
  ): Promise<
    { readonly found: true; readonly value: T; readonly fresh: boolean } | { readonly found: false }
  >;
  getOrLoad<T>(key: string, loader: () => Promise<T>, options: ResponseStoreCall): Promise<T>;
  delete(key: string, options: ResponseStoreCall): Promise<unknown>;
  invalidateTags(...tags: string[]): Promise<{ readonly reached: boolean }>;
}

/** A problem that the owner of a route should know of. Each problem is reported once. */
export interface ResponseWarning {
  /**
   * `vary`: responses vary by a header that is not in the key, and are not stored. `callback`: a
   * function of the options threw, or returned something else than text; its requests bypass the
   * cache. `store`: the store failed.
   */
  readonly code: 'vary' | 'callback' | 'store';
  readonly message: string;
}

/** Options of `ResponseCache`. */
export interface ResponseCacheOptions {
  /** Where responses are kept. */
  readonly store: ResponseStore;
  /**
   * The cookies that identify a user. A request with one of them goes to the handler, unless its
   * route has `shared` or `user`, or names `cookie` in `varyBy`. Handlers of other routes do not
   * see the other cookies, which are not in the key.
   *
   * @default 'any': each cookie may be a session
   */
  readonly sessionCookies?: 'any' | readonly string[];
  /**
   * Changes to the rule that says which other headers and parameters are credentials. By default
   * these are known ones, such as `Authorization` and `X-API-Key`, and all whose names contain
   * words such as `auth`, `token`, `key`, `session` or `user`.
   *
   * @default - the rule as it is
   */
  readonly credentials?: CredentialNames;
  /**
   * The prefix of every key.
   *
   * @default 'response:'
   */
  readonly prefix?: string;
  /**
   * Smaller bodies are not compressed, in bytes.
   *
   * @default 1024
   */
  readonly compressionThresholdBytes?: number;
  /**
   * The largest body that is stored, in bytes before compression. A route may override it.
   *
   * @default 1 MiB
   */
  readonly maxBodyBytes?: number;
  /**
   * The header that carries a response's tags to a CDN: separated by commas, or by spaces in
   * `Surrogate-Key`.
   *
   * @default - no header
   */
  readonly tagHeader?: string;
  /**
   * After a response turned out not to be cacheable, how long requests for its key do not wait for
   * each other, in seconds.
   *
   * @default 5
   */
  readonly passSeconds?: number;
  /**
   * Whether `X-Cache-Reason` tells why a response did not come from the cache. It shows your rules
   * to clients.
   *
   * @default false
   */
  readonly debug?: boolean;
  /** @default - emits a warning of the process */
  readonly onWarning?: (warning: ResponseWarning) => void;
}

/** How the responses of one route are cached. `Request` is the framework's type. */
export interface ResponseRoute<Request> {
  /**
   * How long a response is fresh, in seconds. With `'answer'`, its own `Cache-Control` determines
   * the time (`s-maxage`, else `max-age`); a response without either is not stored.
   */
  readonly ttlSeconds: number | 'answer';
  /**
   * The longest time that a response may give itself, in seconds. Only with `ttlSeconds: 'answer'`.
   *
   * @default 3600
   */
  readonly maxTtlSeconds?: number;
  /**
   * Further statuses beside 200 that are stored, each with its time in seconds: `{ 404: 5 }`. 400
   * to 499 and 3xx without a body of their own are safe choices; 206, 304 and 5xx are refused.
   *
   * @default - only 200 is stored
   */
  readonly statuses?: Readonly<Record<number, number>>;
  /**
   * How long a response is kept after it stopped being fresh, in seconds; see `serveStale`. Not
   * with `ttlSeconds: 'answer'`.
   *
   * @default 0
   */
  readonly staleSeconds?: number;
  /**
   * `while-renewing`: a stale response is sent at once, and the route runs again in the background.
   * `if-error`: a stale response is sent only in place of a status of 500 or more.
   *
   * @default 'while-renewing'
   */
  readonly serveStale?: 'while-renewing' | 'if-error';
  /** @default 'all' */
  readonly query?: QueryKey;
  /**
   * `key`: of the query, the handler sees what is in the key, in the order of the key; and it sees
   * no cookies, unless the route has `shared`, a `user` for the request, or `cookie` in `varyBy`.
   * `request`: it sees everything that the client sent. Then a client that adds a parameter or a
   * cookie can change the response that other clients get: the handler must not read them.
   *
   * @default 'key'
   */
  readonly handlerSees?: 'key' | 'request';
  /**
   * The languages of the route, the default one first. The handler sees the negotiated language as
   * the whole of `Accept-Language`.
   *
   * @default - the response does not depend on the language
   */
  readonly languages?: readonly string[];
  /**
   * Other request headers that the response depends on. Each value has its own entry, so do not
   * name a header that clients choose freely.
   *
   * @default - none
   */
  readonly varyBy?: readonly string[];
  /**
   * Whether responses depend on `Host`.
   *
   * @default true
   */
  readonly host?: boolean;
  /**
   * Whether the response is the same for all users, although requests carry credentials. Authorize the request before it comes to the cache: a hit does not run the
   * handler.
   *
   * @default false
   */
  readonly shared?: boolean;
  /**
   * The user of a request: the response is kept for this user alone. Take it from a verified
   * session or token, never from something that a client can choose. Undefined or '' means an
   * anonymous client, which shares responses with other anonymous clients. For anything else that
   * is not a string, such as a Promise or a number, the request bypasses the cache, and `onWarning`
   * tells why.
   *
   * @default - responses do not depend on the user
   */
  readonly user?: (request: Request) => string | undefined;
  /**
   * Tags of the response, for `invalidateTags`.
   *
   * @default - none
   */
  readonly tags?: readonly string[] | ((request: Request) => readonly string[]);
  /** @default - the cache's */
  readonly maxBodyBytes?: number;
  /**
   * Whether `no-store`, `no-cache` and `max-age=0` of a request run the handler. Ignoring them
   * prevents clients from choosing your load.
   *
   * @default 'ignore'
   */
  readonly requestCacheControl?: 'ignore' | 'honour';
}

const MAX_SECONDS = 366 * 86_400;
/** "Tokens", RFC 9110, section 5.6.2. */
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const LANGUAGE_TAG = /^[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*$/;

/** Bounds of a number, both included, and the reason for them. */
type NumberCheck = readonly [property: string, min: number, max: number, rule: string];

const SECONDS = 'It is a time in seconds.';
const BODY_BYTES: NumberCheck = [
  'maxBodyBytes',
  1,
  2 ** 30,
  'A response is held in memory, whole.',
];

const CACHE_NUMBERS: readonly NumberCheck[] = [
  ['compressionThresholdBytes', 0, Number.MAX_SAFE_INTEGER, 'It is a size in bytes.'],
  BODY_BYTES,
  ['passSeconds', 0, 3600, 'It is a short time in seconds.'],
];
const TTL_CHECK: NumberCheck = ['ttlSeconds', 0.001, MAX_SECONDS, SECONDS];
const ROUTE_NUMBERS: readonly NumberCheck[] = [
  ['maxTtlSeconds', 0.001, MAX_SECONDS, SECONDS],
  ['staleSeconds', 0, MAX_SECONDS, SECONDS],
  BODY_BYTES,
];

function checkNumber(owner: string, value: unknown, [property, min, max, rule]: NumberCheck): void {
  if (value === undefined || (typeof value === 'number' && value >= min && value <= max)) return;
  throw invalidOption(owner, {
    property,
    value,
    mayBeSecret: typeof value !== 'number',
    allowed: `a number from ${min} to ${max}`,
    rule,
    fix: 'Leave it out for the default, or correct the unit.',
  });
}

function checkNumbers(owner: string, options: object, checks: readonly NumberCheck[]): void {
  for (const check of checks)
    checkNumber(owner, (options as Record<string, unknown>)[check[0]], check);
}

function checkNames(
  owner: string,
  property: string,
  values: readonly string[] | undefined,
  pattern: RegExp,
  rule: string,
): void {
  const wrong = !Array.isArray(values ?? [])
    ? [values]
    : values?.filter((value) => typeof value !== 'string' || !pattern.test(value));
  if (wrong === undefined || wrong.length === 0) return;
  throw invalidOption(owner, {
    property,
    value: wrong[0],
    mayBeSecret: true,
    allowed: 'a list of names',
    rule,
    fix: 'Write each name by itself.',
  });
}

function checkChoice(
  owner: string,
  property: string,
  value: unknown,
  choices: readonly unknown[],
  rule: string,
): void {
  if (value === undefined || choices.includes(value)) return;
  throw invalidOption(owner, {
    property,
    value,
    mayBeSecret: true,
    allowed: choices.map((choice) => JSON.stringify(choice)).join(' or '),
    rule,
    fix: 'Leave it out for the default.',
  });
}

/** A name of a header or a parameter, or the beginning of one. */
const CREDENTIAL_NAME = /^[^\s*]+\*?$|^\*$/;

function checkCredentials({ count, ignore }: CredentialNames): void {
  for (const [property, names] of Object.entries({ count, ignore }))
    checkNames(
      'ResponseCache',
      `credentials.${property}`,
      names,
      CREDENTIAL_NAME,
      'A name stands by itself, or ends with * for any rest.',
    );
  const always = ignore?.find((name) => /^(?:authorization|cookie|\*)$/i.test(name));
  if (always === undefined) return;
  throw invalidOption('ResponseCache', {
    property: 'credentials.ignore',
    value: always,
    allowed: 'names other than Authorization and Cookie',
    rule: 'A shared cache must not store responses to them by default (RFC 9111, section 3.5).',
    fix: 'Set `shared` on the routes, or `sessionCookies`.',
  });
}

/** @throws IsochroneError for an invalid option */
export function checkCacheOptions(options: ResponseCacheOptions): void {
  const { sessionCookies, tagHeader, prefix, credentials = {} } = options;
  checkNumbers('ResponseCache', options, CACHE_NUMBERS);
  if (prefix !== undefined) keyPart('prefix', prefix, { owner: 'ResponseCache' });
  checkCredentials(credentials);
  if (sessionCookies !== 'any')
    checkNames(
      'ResponseCache',
      'sessionCookies',
      sessionCookies,
      HEADER_NAME,
      "A cookie's name is a token (RFC 6265, section 4.1.1).",
    );
  checkNames(
    'ResponseCache',
    'tagHeader',
    tagHeader === undefined ? [] : [tagHeader],
    HEADER_NAME,
    'It is the name of a header.',
  );
}

/** @throws IsochroneError for an invalid option */
export function checkRoute<Request>(route: ResponseRoute<Request>): void {
  const owner = 'ResponseRoute';
  if (route.ttlSeconds === undefined) {
    throw invalidOption(owner, {
      property: 'ttlSeconds',
      value: route.ttlSeconds,
      mayBeSecret: typeof route.ttlSeconds !== 'number',
      allowed: "a number of seconds or 'answer'",
      rule: 'Only the route knows how long its responses may be shared.',
      fix: 'Start with a few seconds.',
    });
  }
  if (route.ttlSeconds !== 'answer') {
    checkNumber(owner, route.ttlSeconds, TTL_CHECK);
  } else if ((route.staleSeconds ?? 0) > 0) {
    throw invalidOption(owner, {
      property: 'staleSeconds',
      value: route.staleSeconds,
      mayBeSecret: typeof route.staleSeconds !== 'number',
      allowed: "0 with ttlSeconds 'answer'",
      rule: 'The store must know when to renew an entry before the response is there.',
      fix: 'Give ttlSeconds as a number.',
    });
  }
  checkNumbers(owner, route, ROUTE_NUMBERS);
  checkNames(owner, 'varyBy', route.varyBy, HEADER_NAME, 'It names request headers.');
  checkNames(
    owner,
    'languages',
    route.languages,
    LANGUAGE_TAG,
    'A language is a tag such as de or de-CH (RFC 5646).',
  );
  checkStatuses(owner, route.statuses ?? {});
  checkQuery(owner, route.query);
  for (const property of ['host', 'shared'] as const)
    checkChoice(owner, property, route[property], [true, false], 'It decides who gets a response.');
  checkChoice(
    owner,
    'handlerSees',
    route.handlerSees,
    ['key', 'request'],
    'It decides what can change a response.',
  );
  if (route.user !== undefined && typeof route.user !== 'function') {
    throw invalidOption(owner, {
      property: 'user',
      value: typeof route.user,
      allowed: 'a function of the request',
      rule: 'Each request has a user of its own.',
      fix: 'Write `user: (request) => …`.',
    });
  }
  if (typeof route.tags !== 'function') checkTags(route.tags ?? []);
  if (route.shared === true && route.user !== undefined) {
    throw invalidOption(owner, {
      property: 'shared',
      value: true,
      allowed: 'false beside user',
      rule: 'A response is either the same for all users or kept for one.',
      fix: 'Leave one of the two out.',
    });
  }
}

/** @throws IsochroneError unless the tags of a response are a list of strings */
export function checkTags(tags: unknown): string[] {
  const rule = { owner: 'ResponseRoute', fix: 'Give a list of strings.' };
  if (Array.isArray(tags)) return tags.map((tag) => keyPart('tags', tag, rule));
  // A text by itself is no list of letters.
  throw typeof tags === 'string'
    ? invalidOption(rule.owner, {
        property: 'tags',
        value: tags,
        mayBeSecret: true,
        allowed: 'a list of strings',
        rule: 'A response can have several tags.',
        fix: 'Put the tag into brackets.',
      })
    : keyPart('tags', tags, rule);
}

/** A parameter's name as it stands in a URL. */
const PARAMETER_NAME = /^[^&=#?\s]+$/;

function checkQuery(owner: string, query: QueryKey | undefined): void {
  if (query === undefined || query === 'all' || query === 'none') return;
  const { allow, deny } = query as { allow?: readonly string[]; deny?: readonly string[] };
  if ((allow === undefined) === (deny === undefined)) {
    throw invalidOption(owner, {
      property: 'query',
      value: query,
      mayBeSecret: true,
      allowed: "'all', 'none', { allow: [names] } or { deny: [names] }",
      rule: 'It decides which parameters are in the key.',
      fix: 'Name the parameters that the handler reads.',
    });
  }
  checkNames(owner, 'query', allow ?? deny, PARAMETER_NAME, 'It names parameters of the query.');
}

function checkStatuses(owner: string, statuses: Readonly<Record<number, number>>): void {
  for (const [status, seconds] of Object.entries(statuses)) {
    checkNumber(owner, seconds, [`statuses[${status}]`, 0.001, MAX_SECONDS, SECONDS]);
    if (/^[234]\d\d$/.test(status) && status !== '206' && status !== '304') continue;
    throw invalidOption(owner, {
      property: 'statuses',
      value: status,
      mayBeSecret: typeof status !== 'number',
      allowed: 'a status from 200 to 499, other than 206 and 304',
      rule:
        'Partial content, a validation or a failure cannot answer other requests ' +
        '(RFC 9111, sections 3.3 and 4.3).',
      fix: "For failures, see serveStale: 'if-error'.",
    });
  }
}
