/** A route's options made ready for many requests. */
import type { IncomingHttpHeaders } from 'node:http';
import { keyOf } from './key';
import { negotiateLanguage } from './negotiation';
import { checkRoute } from './option-checks';
import type {
  ResponseCacheOptions,
  ResponseRoute,
  ResponseStoreCall,
  ResponseStrategy,
} from './options';
import { type AnswerRules, whyPassed } from './rules';

/** What one request asks of the cache. */
export interface Plan {
  readonly key: string;
  readonly call: ResponseStoreCall;
  readonly language: string | undefined;
  readonly answers: AnswerRules;
}

/** Why the request goes past the cache. */
export interface Passed {
  readonly reason: string;
}

export interface PreparedRoute<Request> {
  readonly options: ResponseRoute<Request>;
  readonly maxBodyBytes: number;
  readonly strategy: ResponseStrategy;
  /** Request headers that choose the answer, for `Vary`; in lower case. */
  readonly varyBy: readonly string[];
  readonly plan: (
    source: Request,
    method: string,
    target: string,
    headers: IncomingHttpHeaders,
  ) => Plan | Passed;
}

/** @throws IsochroneError for an option that cannot be meant */
export function prepareRoute<Request>(
  options: ResponseRoute<Request>,
  cache: ResponseCacheOptions,
): PreparedRoute<Request> {
  checkRoute(options);
  const varyBy = (options.varyBy ?? []).map((name) => name.toLowerCase());
  const languages = options.languages ?? [];
  const maxTtlSeconds = options.maxTtlSeconds ?? 3600;
  const rules = { host: options.host ?? true, query: options.query ?? 'all', varyBy };
  // What the handler sees of the other two is settled by the cache: it gets no Accept-Encoding, and
  // one language.
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
  ): Plan | Passed => {
    const user = options.user?.(source) || undefined;
    const reason = whyPassed(method, headers, {
      sessionCookies: cache.sessionCookies ?? 'any',
      honoursRequest: options.requestCacheControl === 'honour',
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
      answers: {
        ttlSeconds: options.ttlSeconds,
        maxTtlSeconds,
        statuses: options.statuses ?? {},
        keyed,
        isOneUsers: user !== undefined,
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
