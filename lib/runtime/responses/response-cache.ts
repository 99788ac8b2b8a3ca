/** Caches the responses of a service's routes, once for all clients that may share them. */
import type { IncomingMessage } from 'node:http';
import { TIMED_OUT, withTimeLimit } from '../../model/time-limit';
import { keyPart } from '../shared';
import { CredentialRule } from './credentials';
import {
  checkCacheOptions,
  type ResponseCacheOptions,
  type ResponseRoute,
  type ResponseWarning,
} from './options';
import {
  ClientGoneError,
  type Exchange,
  NotStoredError,
  type RecorderContext,
  ResponseRecorder,
} from './recorder';
import { ResponseRenewals } from './renewal';
import { type Bypass, type Plan, type PreparedRoute, prepareRoute } from './route';
import { fieldValue, tagHeaders } from './rules';
import { isStoredResponse, responseFor, type StoredResponse } from './stored-response';
import { showView } from './view';

/**
 * How long a request waits for the store, or for the handler of another request. Then it runs its
 * own handler.
 */
const MAX_WAIT_MS = 10_000;
/** How long a failed response is held back while the store looks for a stale one. */
const HELD_WAIT_MS = 1000;
/** How often a request may wait for another request, whose client then goes away. */
const MAX_ATTEMPTS = 3;

/** Numbers of requests, by how they were answered. */
export interface ResponseCacheCounts {
  hit: number;
  miss: number;
  stale: number;
  bypass: number;
  /**
   * The bypasses by reason, such as `method`, `authorization`, `credential` (another header) or
   * `callback`.
   */
  readonly bypassReasons: Record<string, number>;
  /** Failures of the store, including values that it returned and that are not responses. */
  failure: number;
}

type Step = 'proceed' | 'done';

/**
 * The cache behind the adapters of Fastify and Express. It stores a response only if no rule
 * forbids it; a request that may not share a response runs its handler. A failure of the cache
 * never fails a request.
 */
export class ResponseCache {
  readonly counts: ResponseCacheCounts = {
    hit: 0,
    miss: 0,
    stale: 0,
    bypass: 0,
    failure: 0,
    bypassReasons: {},
  };
  private readonly seen = new WeakSet<IncomingMessage>();
  private readonly renewals: ResponseRenewals;
  private readonly deletions = new Map<string, Promise<unknown>>();
  private readonly uncacheable: UncacheableKeys;
  private readonly warned = new Set<string>();
  private readonly context: RecorderContext;
  private readonly credentials: CredentialRule;

  /** @throws IsochroneError for an invalid option */
  constructor(private readonly options: ResponseCacheOptions) {
    checkCacheOptions(options);
    this.credentials = new CredentialRule(options.credentials);
    this.uncacheable = new UncacheableKeys((options.passSeconds ?? 5) * 1000);
    this.renewals = new ResponseRenewals(options.store, (error) => this.onFailure(error));
    this.context = {
      options,
      refused: (plan, reason, unkeyed) => this.onRefused(plan, reason, unkeyed),
      marks: (state, reason) => ({
        'x-cache': state,
        ...(options.debug && reason !== undefined ? { 'x-cache-reason': reason } : {}),
      }),
      tagHeaders: (tags) => tagHeaders(tags, options.tagHeader),
    };
  }

  /** @throws IsochroneError for an invalid option */
  prepare<Request>(route: ResponseRoute<Request>): PreparedRoute<Request> {
    return prepareRoute(route, this.options, this.credentials);
  }

  /**
   * Invalidates all responses with one of the tags. `reached` is false if other processes may not
   * know of it yet.
   *
   * @throws IsochroneError for a tag that is not a string
   */
  async invalidateTags(...tags: string[]): Promise<{ readonly reached: boolean }> {
    for (const tag of tags) keyPart('tags', tag, { owner: 'ResponseCache' });
    return this.options.store.invalidateTags(...tags);
  }

  /** Abandons the renewals that are under way. It does not close the store. */
  async close(): Promise<void> {
    await this.renewals.close();
  }

  /** Answers one request or lets its handler do so. Never rejects. */
  async handle<Request>(exchange: Exchange<Request>, route: PreparedRoute<Request>): Promise<void> {
    if (this.seen.has(exchange.request)) return exchange.proceed();
    this.seen.add(exchange.request);
    if ((await this.step(exchange, route)) === 'proceed') exchange.proceed();
  }

  private async step<Request>(
    exchange: Exchange<Request>,
    route: PreparedRoute<Request>,
  ): Promise<Step> {
    const plan = this.planOf(exchange, route);
    const renewal = this.renewals.of(exchange.request);
    if (renewal !== undefined) {
      const isSame = !('reason' in plan) && hideUnkeyed(exchange, plan);
      await renewal.take(isSame ? plan.key : undefined, () =>
        new ResponseRecorder(exchange, route, plan as Plan, this.context).run(),
      );
      return 'done';
    }
    if ('reason' in plan) return this.pass(exchange, 'bypass', plan.reason);
    const found = await this.look(plan);
    if (found !== undefined && (found.fresh || route.strategy.serveStale === 'while-renewing')) {
      if (!found.fresh) this.renewals.begin(exchange, plan);
      if (await this.answer(exchange, plan, found.stored, found.fresh ? 'hit' : 'stale'))
        return 'done';
    }
    if (!hideUnkeyed(exchange, plan)) return this.pass(exchange, 'bypass', 'query-schema');
    // Frameworks drop the body of a HEAD before the cache sees it, so it cannot answer a GET.
    if (exchange.request.method === 'HEAD') return this.pass(exchange, 'miss', 'head');
    if (this.uncacheable.has(plan.key))
      return this.pass(exchange, 'bypass', 'not-cacheable-lately');
    return this.load(exchange, route, plan);
  }

  private planOf<Request>(
    { source, request, target }: Exchange<Request>,
    route: PreparedRoute<Request>,
  ): Plan | Bypass {
    try {
      return route.plan(source, request, target);
    } catch (error) {
      this.warn(
        'callback',
        `A function of a response route threw, and the request bypassed the cache: ${error}`,
      );
      return { reason: 'callback' };
    }
  }

  private pass<Request>(
    { response }: Exchange<Request>,
    state: 'bypass' | 'miss',
    reason: string,
  ): Step {
    this.counts[state]++;
    if (state === 'bypass') {
      // Clients choose names of headers; there are only a few kinds.
      const [kind = ''] = reason.split(':', 1);
      const { bypassReasons } = this.counts;
      bypassReasons[kind] = (bypassReasons[kind] ?? 0) + 1;
    }
    for (const [name, value] of Object.entries(
      this.context.marks(state === 'miss' ? 'MISS' : 'BYPASS', reason),
    ))
      response.setHeader(name, value);
    return 'proceed';
  }

  private async look(
    plan: Plan,
  ): Promise<{ readonly stored: StoredResponse; readonly fresh: boolean } | undefined> {
    try {
      const found = await withTimeLimit(
        MAX_WAIT_MS,
        this.options.store.get<unknown>(plan.key, plan.call),
      );
      if (found === TIMED_OUT || !found?.found) return undefined;
      if (!isStoredResponse(found.value))
        throw new TypeError('The store returned a value that is not a response.');
      if (isUsable(found.value, found.fresh)) return { stored: found.value, fresh: found.fresh };
      await this.forget(plan);
    } catch (error) {
      this.onFailure(error);
    }
    return undefined;
  }

  /** Deletes an entry that the store still considers usable, so that the store loads a new one. */
  private async forget(plan: Plan): Promise<void> {
    const underWay = this.deletions.get(plan.key);
    if (underWay !== undefined) return void (await underWay);
    const deleted = call(() => this.options.store.delete(plan.key, plan.call))
      .catch((error: unknown) => this.onFailure(error))
      .finally(() => this.deletions.delete(plan.key));
    this.deletions.set(plan.key, deleted);
    await withTimeLimit(MAX_WAIT_MS, deleted);
  }

  private async answer<Request>(
    exchange: Exchange<Request>,
    plan: Plan,
    stored: StoredResponse,
    state: 'hit' | 'stale',
  ): Promise<boolean> {
    try {
      const vary = fieldValue(exchange.headersBefore().vary);
      const sent = await responseFor(stored, exchange.request.headers, vary, false, Date.now());
      const { response } = exchange;
      this.counts[state]++;
      if (response.headersSent || response.destroyed) return true;
      exchange.send({
        ...sent,
        headers: { ...sent.headers, ...this.context.marks(state === 'hit' ? 'HIT' : 'STALE') },
      });
      return true;
    } catch (error) {
      this.onFailure(error);
      await this.forget(plan);
      return false;
    }
  }

  private async load<Request>(
    exchange: Exchange<Request>,
    route: PreparedRoute<Request>,
    plan: Plan,
  ): Promise<Step> {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      let recorder: ResponseRecorder<Request> | undefined;
      let isOver = false;
      let begun: (begun: 'begun') => void = () => {};
      const recording = new Promise<'begun'>((resolve) => {
        begun = resolve;
      });
      const load = async (): Promise<StoredResponse> => {
        if (isOver || recorder !== undefined) throw new NotStoredError('late');
        recorder = new ResponseRecorder(exchange, route, plan, this.context);
        begun('begun');
        return recorder.run();
      };
      const loaded = call(() =>
        this.options.store.getOrLoad<unknown>(plan.key, load, plan.call),
      ).then(
        (value) => ({ value, error: undefined }),
        (error: unknown) => ({ value: undefined, error }),
      );
      const result = await withTimeLimit(MAX_WAIT_MS, Promise.race([recording, loaded]));
      isOver = true;
      if (recorder !== undefined) return this.finish(recorder, loaded);
      if (result === TIMED_OUT || result === 'begun')
        return this.pass(exchange, 'miss', 'waited-too-long');
      if (isStoredResponse(result.value) && !this.uncacheable.has(plan.key)) {
        const isStale = Date.now() - result.value.storedAt > route.strategy.ttlSeconds * 1100;
        if (
          isUsable(result.value, !isStale) &&
          (await this.answer(exchange, plan, result.value, isStale ? 'stale' : 'hit'))
        )
          return 'done';
      }
      if (result.error instanceof ClientGoneError && !exchange.response.destroyed) continue;
      if (result.error !== undefined && !(result.error instanceof NotStoredError))
        this.onFailure(result.error);
      return this.pass(exchange, 'miss', 'leader-not-shared');
    }
    return this.pass(exchange, 'miss', 'leaders-gone');
  }

  /**
   * Ends a request whose own handler ran. Its client already has the response, unless the handler
   * failed: then a stale response is sent in its place, if the store has one.
   */
  private async finish<Request>(
    recorder: ResponseRecorder<Request>,
    loaded: Promise<{ readonly value: unknown }>,
  ): Promise<Step> {
    this.counts.miss++;
    if ((await recorder.end) === 'sent') return 'done';
    const result = await withTimeLimit(HELD_WAIT_MS, loaded);
    try {
      if (result === TIMED_OUT || !isStoredResponse(result.value) || !isUsable(result.value, false))
        throw new NotStoredError('nothing stale');
      await recorder.sendInstead(result.value);
      this.counts.stale++;
    } catch {
      recorder.sendHeld();
    }
    return 'done';
  }

  private onRefused(plan: Plan, reason: string, unkeyed: string | undefined): void {
    if (unkeyed !== undefined) {
      this.warn(
        'vary',
        `Responses vary by ${unkeyed}, which is not in their key, and are not stored. ` +
          'Add it to varyBy, or remove it from Vary.',
      );
    }
    if (reason === 'flushed') return;
    this.uncacheable.add(plan.key);
    // The route has a new response, so the stale one must not outlive it.
    if (plan.call.strategy.staleSeconds > 0) void this.forget(plan);
  }

  private onFailure(error: unknown): void {
    this.counts.failure++;
    const message = error instanceof Error ? error.message : error;
    this.warn('store', `The response cache failed, and handlers answer in its place: ${message}`);
  }

  private warn(code: ResponseWarning['code'], message: string): void {
    if (this.warned.has(message) || this.warned.size >= 100) return;
    this.warned.add(message);
    try {
      if (this.options.onWarning !== undefined) this.options.onWarning({ code, message });
      else process.emitWarning(message, { code: `ISOCHRONE_RESPONSE_${code.toUpperCase()}` });
    } catch {
      // A listener that throws must not fail a request.
    }
  }
}

/**
 * Hides from the handler what is not in the key, until the response is sent.
 *
 * @returns false if the route's own schema refuses what is left of the request
 */
function hideUnkeyed<Request>(
  { request, response, source, checked }: Exchange<Request>,
  { view }: Plan,
): boolean {
  if (view === undefined) return true;
  const restore = showView({ raw: request, source: source as object, checked }, view);
  // Before the listeners that write logs.
  if (restore !== undefined) response.prependOnceListener('close', restore);
  if (restore !== undefined) response.prependOnceListener('finish', restore);
  return restore !== undefined;
}

function isUsable(stored: StoredResponse, fresh: boolean): boolean {
  return (
    (stored.expiresAt === null || stored.expiresAt > Date.now()) && (fresh || stored.mayBeStale)
  );
}

/** Turns a function that throws into one that rejects. */
async function call<T>(action: () => Promise<T>): Promise<T> {
  return action();
}

/**
 * Keys whose response turned out not to be cacheable. For a while, requests for them do not wait
 * for each other.
 */
class UncacheableKeys {
  /** Beyond these, the oldest key is forgotten. */
  private static readonly MAX_KEYS = 1000;
  private readonly until = new Map<string, number>();

  constructor(private readonly milliseconds: number) {}

  has(key: string): boolean {
    return (this.until.get(key) ?? 0) > Date.now();
  }

  add(key: string): void {
    this.until.delete(key);
    const [oldest] = this.until.keys();
    if (this.until.size >= UncacheableKeys.MAX_KEYS && oldest !== undefined)
      this.until.delete(oldest);
    this.until.set(key, Date.now() + this.milliseconds);
  }
}
