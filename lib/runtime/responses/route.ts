/** A route's options, prepared once for all of its requests. */
import type { IncomingHttpHeaders } from 'node:http';
import { keyOf } from './key';
import { negotiateLanguage } from './negotiation';
import {
  checkRoute,
  type ResponseCacheOptions,
  type ResponseRoute,
  type ResponseStoreCall,
  type ResponseStrategy,
} from './options';
import { bypassReason, type StorageRules } from './rules';

/** How the cache handles one request. */
export interface Plan {
  readonly key: string;
  readonly call: ResponseStoreCall;
  readonly language: string | undefined;
  readonly storageRules: StorageRules;
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
  readonly plan: (
    source: Request,
    method: string,
    target: string,
    headers: IncomingHttpHeaders,
  ) => Plan | Bypass;
}

/** @throws IsochroneError for an invalid option */
export function prepareRoute<Request>(
  options: ResponseRoute<Request>,
  cache: ResponseCacheOptions,
): PreparedRoute<Request> {
  checkRoute(options);
  const varyBy = (options.varyBy ?? []).map((name) => name.toLowerCase());
  const languages = options.languages ?? [];
  const maxTtlSeconds = options.maxTtlSeconds ?? 3600;
  const rules = { host: options.host ?? true, query: options.query ?? 'all', varyBy };
  // Accept-Encoding is not in the key, but the handler does not see it. Of Accept-Language the
  // handler sees only the negotiated language, which is in the key.
  const keyed = new Set([
    ...varyBy,
    'accept-encoding',
    ...(rules.host ? ['host'] : []),
    ...(languages.length > 0 ? ['accept-language'] : []),
  ]);
  const strategy: ResponseStrategy = {
    prefix: cache.prefix ?? 'response:',
    ttlSeconds: options.ttlSeconds === 'answer' ? maxTtlSeconds : options.ttlSeconds,
    serializer: 'msgpack',
    compress: false,
    staleSeconds: options.staleSeconds ?? 0,
    serveStale: options.serveStale ?? 'while-renewing',
  };
  const plan = (
    source: Request,
    method: string,
    target: string,
    headers: IncomingHttpHeaders,
  ): Plan | Bypass => {
    const user = options.user?.(source) || undefined;
    const reason = bypassReason(method, headers, {
      sessionCookies: cache.sessionCookies ?? 'any',
      honorsRequest: options.requestCacheControl === 'honour',
      isUserSettled: options.shared === true || user !== undefined,
    });
    if (reason !== undefined) return { reason };
    const [first, ...rest] = languages;
    const language =
      first === undefined
        ? undefined
        : negotiateLanguage(headers['accept-language'] ?? '', [first, ...rest]);
    const key = keyOf({ target, headers, language, user }, rules);
    if (key === undefined) return { reason: 'key-too-long' };
    const tags = typeof options.tags === 'function' ? options.tags(source) : (options.tags ?? []);
    return {
      key,
      call: { strategy, tags: [...new Set(tags)] },
      language,
      storageRules: {
        ttlSeconds: options.ttlSeconds,
        maxTtlSeconds,
        statuses: options.statuses ?? {},
        keyed,
        isPerUser: user !== undefined,
      },
    };
  };
  return {
    options,
    strategy,
    maxBodyBytes: options.maxBodyBytes ?? cache.maxBodyBytes ?? 2 ** 20,
    varyBy: [...varyBy, ...(languages.length > 0 ? ['accept-language'] : [])],
    plan,
  };
}
