import type { CacheStrategy } from '../tiered-cache';
import type { QueryKey } from './query';

/** How a route's answers are kept, as the cache beneath understands it. */
export interface ResponseStrategy extends CacheStrategy {
  readonly staleSeconds: number;
  readonly serveStale: 'while-renewing' | 'if-error';
}

export interface ResponseStoreCall {
  readonly strategy: ResponseStrategy;
  readonly tags: readonly string[];
}

/**
 * What is asked of the cache beneath. `TieredCache` is one. None of these may take long when a
 * server is down.
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

/** Something that the owner of a route should know; each is told once. */
export interface ResponseWarning {
  /**
   * `vary`: answers vary by a header that is not in the key, and are not stored. `callback`: a
   * function of the options threw. `store`: the cache beneath failed.
   */
  readonly code: 'vary' | 'callback' | 'store';
  readonly message: string;
}

export interface ResponseCacheOptions {
  /** Where answers are kept. */
  readonly store: ResponseStore;
  /**
   * The cookies that tell users apart: a request with one of them is answered by the handler,
   * unless its route says `shared` or `user`.
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
   * Answers of more bytes, before compression, are passed on and not kept. A route may say
   * otherwise.
   *
   * @default 1 MiB
   */
  readonly maxBodyBytes?: number;
  /**
   * The header that carries an answer's tags to a CDN: separated by commas, or by spaces in
   * `Surrogate-Key`.
   *
   * @default none
   */
  readonly tagHeader?: string;
  /**
   * How long requests for a key no longer wait for each other after its answer turned out not to be
   * cacheable, in seconds.
   *
   * @default 5
   */
  readonly passSeconds?: number;
  /**
   * Whether `X-Cache-Reason` says why an answer did not come from the cache. It tells clients about
   * your rules.
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
   * How long an answer is fresh, in seconds; or `answer`: as its own `Cache-Control` says
   * (`s-maxage`, else `max-age`), and not at all if it says nothing.
   */
  readonly ttlSeconds: number | 'answer';
  /**
   * The most that an answer may say for itself, in seconds; with `ttlSeconds: 'answer'` only.
   *
   * @default 3600
   */
  readonly maxTtlSeconds?: number;
  /**
   * Other statuses than 200 that are kept, each with its time in seconds: `{ 404: 5 }`. 400 to 499
   * and 3xx without a body of their own are safe choices; 206, 304 and 5xx are refused.
   *
   * @default none
   */
  readonly statuses?: Readonly<Record<number, number>>;
  /**
   * How long an answer is kept after it stopped being fresh, in seconds; `serveStale` says for
   * what. Not with `ttlSeconds: 'answer'`.
   *
   * @default 0
   */
  readonly staleSeconds?: number;
  /**
   * `while-renewing`: a stale answer is sent at once, and the route is run again in the background.
   * `if-error`: only in place of a status of 500 or more.
   *
   * @default 'while-renewing'
   */
  readonly serveStale?: 'while-renewing' | 'if-error';
  /** @default 'all' */
  readonly query?: QueryKey;
  /**
   * The languages of the route, the default one first. The handler sees the negotiated one as the
   * whole of `Accept-Language`.
   *
   * @default none: the answer does not depend on the language
   */
  readonly languages?: readonly string[];
  /**
   * Other request headers that the answer depends on. Each value makes an entry of its own: name
   * none that clients choose freely.
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
   * Whether the answer is the same for all users, although requests carry `Authorization` or a
   * session cookie. Who may see it must be decided before the cache: a hit does not run the
   * handler.
   *
   * @default false
   */
  readonly shared?: boolean;
  /**
   * Who asks: the answer is kept for this user alone. Take it from a verified session or token,
   * never from what a client can choose. Nothing (or empty text) means a stranger, who shares
   * answers with other strangers.
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
   * Whether `no-store`, `no-cache` and `max-age=0` of a request run the handler. Ignoring them
   * keeps clients from choosing your load.
   *
   * @default 'ignore'
   */
  readonly requestCacheControl?: 'ignore' | 'honour';
}
