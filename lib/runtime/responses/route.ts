/** A route's options, prepared once for all of its requests. */
import type { IncomingMessage } from 'node:http';
import { keyPart } from '../shared';
import { CredentialRule } from './credentials';
import { keyOf } from './key';
import { negotiateLanguage } from './negotiation';
import {
  checkRoute,
  checkTags,
  type ResponseCacheOptions,
  type ResponseRoute,
  type ResponseStoreCall,
  type ResponseStrategy,
} from './options';
import { decodedName, keptQuery, parametersOf } from './query';
import { bypassReason, type StorageRules, unkeyedCredential } from './rules';
import { type HandlerView, queryOf } from './view';

/** How the cache handles one request. */
export interface Plan {
  readonly key: string;
  readonly call: ResponseStoreCall;
  readonly language: string | undefined;
  readonly storageRules: StorageRules;
  /** What the handler sees; undefined for the whole request. */
  readonly view: HandlerView | undefined;
}

/** The request bypasses the cache. */
export interface Bypass {
  readonly reason: string;
}

/** A route whose options have been checked. */
export interface PreparedRoute<Request> {
  readonly options: ResponseRoute<Request>;
  readonly maxBodyBytes: number;
  readonly strategy: ResponseStrategy;
  /** Request headers that select the response, for `Vary`; in lower case. */
  readonly varyBy: readonly string[];
  /** Whether keys contain a user or a credential, so that other caches must not share responses. */
  readonly isPersonal: boolean;
  /**
   * @param target the request target as the client sent it
   * @throws IsochroneError if a function of the route returns something else than text
   */
  readonly plan: (source: Request, request: IncomingMessage, target: string) => Plan | Bypass;
}

const OWNER = 'ResponseRoute';

/** @throws IsochroneError for an invalid option */
export function prepareRoute<Request>(
  options: ResponseRoute<Request>,
  cache: ResponseCacheOptions,
  rule = new CredentialRule(cache.credentials),
): PreparedRoute<Request> {
  checkRoute(options);
  const varyBy = (options.varyBy ?? []).map((name) => name.toLowerCase());
  const languages = options.languages ?? [];
  const maxTtlSeconds = options.maxTtlSeconds ?? 3600;
  const { query = 'all', shared = false } = options;
  const allowed = typeof query === 'object' && 'allow' in query ? query.allow : [];
  const secrets = new Set(varyBy.filter((name) => name === 'cookie' || rule.header(name)));
  const rules = { host: options.host ?? true, varyBy, secrets };
  // Accept-Encoding is not in the key, but the handler does not see it. Of Accept-Language the
  // handler sees only the negotiated language, which is in the key.
  const keyed = new Set([
    ...varyBy,
    'accept-encoding',
    ...(rules.host ? ['host'] : []),
    ...(languages.length > 0 ? ['accept-language'] : []),
  ]);
  const credentials = { rule, sessionCookies: cache.sessionCookies ?? 'any', keyed };
  const strategy: ResponseStrategy = {
    prefix: cache.prefix ?? 'response:',
    ttlSeconds: options.ttlSeconds === 'answer' ? maxTtlSeconds : options.ttlSeconds,
    serializer: 'msgpack',
    compress: false,
    staleSeconds: options.staleSeconds ?? 0,
    serveStale: options.serveStale ?? 'while-renewing',
  };
  const plan = (source: Request, request: IncomingMessage, target: string): Plan | Bypass => {
    const { headers } = request;
    const user = userOf(options.user?.(source));
    const reason = bypassReason(request, options.requestCacheControl === 'honour');
    if (reason !== undefined) return { reason };
    const asked = queryOf(target) ?? '';
    const kept = keptQuery(asked, query);
    if (!shared && user === undefined) {
      const credential = unkeyedCredential(
        request,
        target,
        divide(asked, kept.dropped, allowed),
        Boolean((source as { readonly user?: unknown }).user),
        credentials,
      );
      if (credential !== undefined) return { reason: credential };
    }
    const [first, ...rest] = languages;
    const language =
      first === undefined
        ? undefined
        : negotiateLanguage(headers['accept-language'] ?? '', [first, ...rest]);
    const [path = ''] = target.split('?', 1);
    const key = keyOf({ path, query: kept.text, headers, language, user }, rules);
    if (key === undefined) return { reason: 'key-too-long' };
    return {
      key,
      call: { strategy, tags: tagsOf(options.tags, source) },
      language,
      storageRules: {
        ttlSeconds: options.ttlSeconds,
        maxTtlSeconds,
        statuses: options.statuses ?? {},
        keyed,
        isPerUser: user !== undefined,
        credentials: rule,
      },
      view:
        options.handlerSees === 'request'
          ? undefined
          : { query: kept, hidesCookies: !shared && user === undefined && !keyed.has('cookie') },
    };
  };
  return {
    options,
    strategy,
    maxBodyBytes: options.maxBodyBytes ?? cache.maxBodyBytes ?? 2 ** 20,
    varyBy: [...varyBy, ...(languages.length > 0 ? ['accept-language'] : [])],
    isPersonal:
      options.user !== undefined ||
      (!shared && (secrets.size > 0 || allowed.some((name) => rule.parameter(name, true)))),
    plan,
  };
}

/** The user in a key; undefined for an anonymous client. */
function userOf(user: unknown): string | undefined {
  if (user === undefined || user === '') return undefined;
  // Its rejection would end the process, and nobody else can handle it.
  if (user instanceof Promise) user.catch(() => {});
  return keyPart('user', user, {
    owner: OWNER,
    fix: 'Return the name or the id of the user as a string, or undefined for an anonymous client.',
  });
}

function tagsOf<Request>(tags: ResponseRoute<Request>['tags'], source: Request): string[] {
  const given: unknown = typeof tags === 'function' ? tags(source) : (tags ?? []);
  return [...new Set(checkTags(given))];
}

/** The parameters of a query by decoded names, as the rule of credentials needs them. */
function divide(query: string, dropped: readonly string[], allowed: readonly string[]) {
  const names = query === '' ? [] : parametersOf(query).map(({ name }) => name);
  return {
    allowed: names.filter((name) => allowed.includes(name)).map(decodedName),
    kept: names
      .filter((name) => !allowed.includes(name) && !dropped.includes(name))
      .map(decodedName),
    dropped: dropped.map(decodedName),
  };
}
