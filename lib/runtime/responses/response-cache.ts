/** Answers of a service's routes, kept once for all who may share them. */
import type { IncomingMessage } from 'node:http';
import { TIMED_OUT, withTimeLimit } from '../../model/time-limit';
import { answerFor, isStoredAnswer, type StoredAnswer } from './answer';
import { type Exchange, Leader, type LeaderContext, LeaderGone, NotStored } from './leader';
import { checkCacheOptions } from './option-checks';
import type { ResponseCacheOptions, ResponseRoute, ResponseWarning } from './options';
import { RecentPasses } from './passes';
import { ResponseRenewals } from './renewals';
import { type Passed, type Plan, type PreparedRoute, prepareRoute } from './route';
import { headerText, tagHeaders } from './rules';

/**
 * A follower that waited so long for the answer of another runs its own handler, and so does
 * anybody whose store is silent.
 */
const LONGEST_WAIT_MS = 10_000;
/** How long a failed answer waits to learn whether there is a stale one instead. */
const HELD_WAIT_MS = 1000;
/** How often a request may follow a leader whose client goes away. */
const MAX_LEADERS = 3;

export interface ResponseCacheCounts {
  hit: number;
  miss: number;
  stale: number;
  bypass: number;
  /** Times that the cache beneath failed, or gave what nobody had stored. */
  failure: number;
}

type Step = 'proceed' | 'done';

/**
 * The cache that the adapters of Fastify and Express share. An answer is stored only if nothing
 * speaks against it, and whoever may not share one runs the handler. A failure of the cache never
 * fails a request.
 */
export class ResponseCache {
  readonly counts: ResponseCacheCounts = { hit: 0, miss: 0, stale: 0, bypass: 0, failure: 0 };
  private readonly seen = new WeakSet<IncomingMessage>();
  private readonly renewals: ResponseRenewals;
  private readonly forgetting = new Map<string, Promise<unknown>>();
  private readonly passes: RecentPasses;
  private readonly warned = new Set<string>();
  private readonly context: LeaderContext;

  /** @throws IsochroneError for an option that cannot be meant */
  constructor(private readonly options: ResponseCacheOptions) {
    checkCacheOptions(options);
    this.passes = new RecentPasses((options.passSeconds ?? 5) * 1000);
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

  /** @throws IsochroneError for an option that cannot be meant */
  prepare<Request>(route: ResponseRoute<Request>): PreparedRoute<Request> {
    return prepareRoute(route, this.options);
  }

  /**
   * Ends all answers that carry one of the tags. `reached` is false if other processes may not know
   * yet.
   */
  async invalidateTags(...tags: string[]): Promise<{ readonly reached: boolean }> {
    return this.options.store.invalidateTags(...tags);
  }

  /** Gives up renewals that are under way. The cache beneath is its owner's to close. */
  async close(): Promise<void> {
    await this.renewals.close();
  }

  /** Answers one request or lets its handler do so; never rejects. */
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
      await renewal.take('reason' in plan ? undefined : plan.key, () =>
        new Leader(exchange, route, plan as Plan, this.context).run(),
      );
      return 'done';
    }
    if ('reason' in plan) return this.pass(exchange, 'bypass', plan.reason);
    const found = await this.look(plan);
    if (found !== undefined && (found.fresh || route.strategy.serveStale === 'while-renewing')) {
      if (!found.fresh) this.renewals.begin(exchange, plan);
      if (await this.answer(exchange, plan, found.answer, found.fresh ? 'hit' : 'stale'))
        return 'done';
    }
    // Frameworks leave out the body before we see it: what a HEAD gives is no answer to a GET.
    if (exchange.request.method === 'HEAD') return this.pass(exchange, 'miss', 'head');
    if (this.passes.has(plan.key)) return this.pass(exchange, 'bypass', 'not-cacheable-lately');
    return this.load(exchange, route, plan);
  }

  private planOf<Request>(
    { source, request, target }: Exchange<Request>,
    route: PreparedRoute<Request>,
  ): Plan | Passed {
    try {
      return route.plan(source, request.method ?? '', target, request.headers);
    } catch (error) {
      this.warn(
        'callback',
        `A function of a response route threw, and the request went past the cache: ${error}`,
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
    for (const [name, value] of Object.entries(
      this.context.marks(state === 'miss' ? 'MISS' : 'BYPASS', reason),
    ))
      response.setHeader(name, value);
    return 'proceed';
  }

  private async look(
    plan: Plan,
  ): Promise<{ readonly answer: StoredAnswer; readonly fresh: boolean } | undefined> {
    try {
      const found = await withTimeLimit(
        LONGEST_WAIT_MS,
        this.options.store.get<unknown>(plan.key, plan.call),
      );
      if (found === undefined || found === TIMED_OUT || !found.found) return undefined;
      if (!isStoredAnswer(found.value)) throw new TypeError('What was stored is no answer.');
      if (isUsable(found.value, found.fresh)) return { answer: found.value, fresh: found.fresh };
      await this.forget(plan);
    } catch (error) {
      this.onFailure(error);
    }
    return undefined;
  }

  /** An entry that the cache beneath takes for a good one has to go before it loads a new one. */
  private async forget(plan: Plan): Promise<void> {
    const under = this.forgetting.get(plan.key);
    if (under !== undefined) return void (await under);
    const forgotten = call(() => this.options.store.delete(plan.key, plan.call))
      .catch((error: unknown) => this.onFailure(error))
      .finally(() => this.forgetting.delete(plan.key));
    this.forgetting.set(plan.key, forgotten);
    await withTimeLimit(LONGEST_WAIT_MS, forgotten);
  }

  private async answer<Request>(
    exchange: Exchange<Request>,
    plan: Plan,
    answer: StoredAnswer,
    state: 'hit' | 'stale',
  ): Promise<boolean> {
    try {
      const vary = headerText(exchange.headersBefore().vary);
      const sent = await answerFor(answer, exchange.request.headers, vary, false, Date.now());
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
    for (let attempt = 0; attempt < MAX_LEADERS; attempt++) {
      let leader: Leader<Request> | undefined;
      let isOver = false;
      let begun: (begun: 'begun') => void = () => {};
      const leading = new Promise<'begun'>((resolve) => {
        begun = resolve;
      });
      const load = async (): Promise<StoredAnswer> => {
        if (isOver || leader !== undefined) throw new NotStored('late');
        leader = new Leader(exchange, route, plan, this.context);
        begun('begun');
        return leader.run();
      };
      const loaded = call(() =>
        this.options.store.getOrLoad<unknown>(plan.key, load, plan.call),
      ).then(
        (value) => ({ value, error: undefined }),
        (error: unknown) => ({ value: undefined, error }),
      );
      const result = await withTimeLimit(LONGEST_WAIT_MS, Promise.race([leading, loaded]));
      isOver = true;
      if (leader !== undefined) return this.finish(leader, loaded);
      if (result === TIMED_OUT || result === 'begun')
        return this.pass(exchange, 'miss', 'waited-too-long');
      if (isStoredAnswer(result.value) && !this.passes.has(plan.key)) {
        const isStale = Date.now() - result.value.storedAt > route.strategy.ttlSeconds * 1100;
        if (
          isUsable(result.value, !isStale) &&
          (await this.answer(exchange, plan, result.value, isStale ? 'stale' : 'hit'))
        )
          return 'done';
      }
      if (result.error instanceof LeaderGone && !exchange.response.destroyed) continue;
      if (result.error !== undefined && !(result.error instanceof NotStored))
        this.onFailure(result.error);
      return this.pass(exchange, 'miss', 'leader-not-shared');
    }
    return this.pass(exchange, 'miss', 'leaders-gone');
  }

  /**
   * The handler of this request ran, so its client has its answer, or waits for a stale one in
   * place of a failure.
   */
  private async finish<Request>(
    leader: Leader<Request>,
    loaded: Promise<{ readonly value: unknown }>,
  ): Promise<Step> {
    this.counts.miss++;
    if ((await leader.end) === 'sent') return 'done';
    const result = await withTimeLimit(HELD_WAIT_MS, loaded);
    try {
      if (result === TIMED_OUT || !isStoredAnswer(result.value) || !isUsable(result.value, false))
        throw new NotStored('nothing stale');
      await leader.sendInstead(result.value);
      this.counts.stale++;
    } catch {
      leader.sendHeld();
    }
    return 'done';
  }

  private onRefused(plan: Plan, reason: string, unkeyed: string | undefined): void {
    if (unkeyed !== undefined) {
      this.warn(
        'vary',
        `Answers vary by ${unkeyed}, which is not in their key, and are not stored. Add it to varyBy, or remove it from Vary.`,
      );
    }
    if (reason === 'flushed') return;
    this.passes.add(plan.key);
    // The route has another answer now, so an older one must not outlive it.
    if (plan.call.strategy.staleSeconds > 0) void this.forget(plan);
  }

  private onFailure(error: unknown): void {
    this.counts.failure++;
    this.warn(
      'store',
      `The cache of responses failed, and handlers answer in its place: ${error instanceof Error ? error.message : error}`,
    );
  }

  private warn(code: ResponseWarning['code'], message: string): void {
    if (this.warned.has(message) || this.warned.size >= 100) return;
    this.warned.add(message);
    try {
      if (this.options.onWarning !== undefined) this.options.onWarning({ code, message });
      else process.emitWarning(message, { code: `ISOCHRONE_RESPONSE_${code.toUpperCase()}` });
    } catch {
      // Whoever listens must not fail a request.
    }
  }
}

function isUsable(answer: StoredAnswer, fresh: boolean): boolean {
  return (
    (answer.expiresAt === null || answer.expiresAt > Date.now()) && (fresh || answer.mayBeStale)
  );
}

/** Turns a function that throws into one that rejects. */
async function call<T>(action: () => Promise<T>): Promise<T> {
  return action();
}
