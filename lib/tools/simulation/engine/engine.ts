/**
 * CloudFront's caching as a state machine: it takes a request and returns a response or a fetch. It
 * has no clock and does no I/O.
 *
 * A request goes to the cache of its edge location, from there to the regional edge cache, and from
 * there to Origin Shield: "How CloudFront caching works with regional edge caches" and "Use Amazon
 * CloudFront Origin Shield", Amazon CloudFront developer guide. A flight is a request from one
 * cache to the next; later requests for the same object wait for it. Two assumptions are not
 * documented: an object has the same age and expiry in all caches, and a cache that lacks an object
 * requests all of it.
 */

import type { BehaviorModel } from '../distribution';
import type { HttpResponse } from '../messages';
import {
  type CacheNode,
  type Flight,
  invalidateFlight,
  isFlight,
  type Reply,
  servedAs,
  type Waiter,
} from './flight';
import { errorTtlSeconds, variesByAnything } from './freshness';
import type {
  EngineOptions,
  Fetch,
  FetchOutcome,
  KeyedRequest,
  RequestOutcome,
  ServedResponse,
  Tier,
  TierStats,
  Validators,
} from './messages';
import { type CachedObject, ObjectCache } from './object-cache';
import {
  isSameRepresentation,
  refreshedResponse,
  type StoredResponse,
  storedResponse,
  variantOf,
} from './stored-response';

export type * from './messages';

/**
 * An origin that does not respond counts as a 5xx: "Origin unavailable" in "Request and response
 * behavior for custom origins".
 */
const NO_RESPONSE: HttpResponse = { status: 504, headers: {}, bodyBytes: 0 };

/** All caches of a distribution. */
export class CacheEngine {
  private readonly nodes: Readonly<Record<Tier, Map<string, CacheNode>>> = {
    pop: new Map(),
    regional: new Map(),
    shield: new Map(),
  };
  private readonly fetches = new Map<number, Flight | KeyedRequest>();
  private lastFetch = 0;
  /** The results of the current call. */
  private served: ServedResponse[] = [];
  private started: Fetch[] = [];

  constructor(private readonly options: EngineOptions) {}

  /** Looks up a request in the caches. */
  request(keyed: KeyedRequest, nowMs: number): RequestOutcome {
    if (!isCacheable(keyed)) return { fetch: this.fetchFromOrigin(keyed, keyed, undefined, false) };
    this.started = [];
    const reply = this.lookUp(keyed, 0, keyed, !collapses(keyed.behavior), false, nowMs);
    const [fetch] = this.started;
    return { ...(reply && { served: servedAs(keyed, reply, nowMs) }), ...(fetch && { fetch }) };
  }

  /**
   * Completes a fetch with the origin's response.
   *
   * @param response the response after the origin-response function
   * @throws Error if the fetch is unknown or already complete
   */
  receive(fetchId: number, response: HttpResponse | 'unreachable', nowMs: number): FetchOutcome {
    const requester = this.fetches.get(fetchId);
    if (requester === undefined) throw new Error(`Fetch ${fetchId} is unknown or complete.`);
    this.fetches.delete(fetchId);
    this.served = [];
    this.started = [];
    const { keyed, held } = isFlight(requester) ? requester : { keyed: requester };
    const { errorMinTtlSeconds } = this.options;
    const given = response === 'unreachable' ? NO_RESPONSE : response;
    const stored =
      given.status === 304 && held !== undefined
        ? refreshedResponse(held.stored, given.headers, keyed.behavior, errorMinTtlSeconds, nowMs)
        : storedResponse(given, keyed.request, keyed.behavior, errorMinTtlSeconds, nowMs);
    this.deliver(
      requester,
      {
        stored,
        source: 'origin',
        stale: false,
        retryMs: 0,
        collapsed: false,
        refreshed: false,
        reason: 'uncacheable',
      },
      nowMs,
    );
    return { served: this.served, fetches: this.started };
  }

  /**
   * Removes the objects of a URL from all caches, whatever their headers and cookies. `*` is a
   * wildcard at the end of the pattern and a literal character elsewhere; the query string is part
   * of the URL: "Invalidate files to remove content". Modeled: a flight in progress started before
   * the invalidation, so its response reaches the waiting requests but is not stored.
   *
   * @returns the number of removed objects
   */
  invalidate(pattern: string, _nowMs: number): number {
    const path = pattern.startsWith('/') ? pattern : `/${pattern}`;
    const start = path.endsWith('*') ? path.slice(0, -1) : undefined;
    const matches = (url: string) => {
      const own = pathOf(url);
      return start === undefined ? own === path : own.startsWith(start);
    };
    for (const requester of this.fetches.values())
      if (isFlight(requester) && matches(requester.keyed.urlKey)) invalidateFlight(requester);
    return this.all().reduce((sum, { cache }) => sum + cache.invalidate(matches), 0);
  }

  /** Totals over the caches of each tier. */
  stats(): Readonly<Record<Tier, TierStats>> {
    const of = (tier: Tier): TierStats => {
      const caches = [...this.nodes[tier].values()].map(({ cache }) => cache);
      const sum = (figure: (cache: ObjectCache) => number) =>
        caches.reduce((total, cache) => total + figure(cache), 0);
      return {
        objects: sum(({ size }) => size),
        bytes: sum(({ bytes }) => bytes),
        evictions: sum(({ evictions }) => evictions),
      };
    };
    return { pop: of('pop'), regional: of('regional'), shield: of('shield') };
  }

  private all(): CacheNode[] {
    return Object.values(this.nodes).flatMap((nodes) => [...nodes.values()]);
  }

  /**
   * Requests an object from the cache at a level.
   *
   * @returns undefined if the waiter must wait
   */
  private lookUp(
    keyed: KeyedRequest,
    level: number,
    waiter: Waiter,
    alone: boolean,
    background: boolean,
    nowMs: number,
  ): Reply | undefined {
    const node = this.nodeAt(keyed, level);
    if (node === undefined) throw new Error(`There is no cache at level ${level}.`);
    const object = find(node.cache, keyed, nowMs);
    const flightKey = keyed.key + variantOf(keyed.request);
    if (object !== undefined) {
      const { expiresMs, whileRevalidateMs, ifErrorMs } = object.stored;
      const stale = nowMs >= expiresMs;
      const untried = nowMs < object.retryMs && nowMs < ifErrorMs;
      // A background refresh needs a new response, not a stale one.
      if (!stale || untried || (nowMs < whileRevalidateMs && !background)) {
        node.cache.touch(object);
        const refresh = stale && !untried && !node.flights.has(flightKey);
        if (refresh) this.startFetch(node, level, keyed, undefined, alone, true, nowMs);
        const retryMs = untried ? object.retryMs : 0;
        return {
          stored: object.stored,
          source: node.tier,
          stale,
          retryMs,
          collapsed: false,
          refreshed: false,
          reason: undefined,
        };
      }
    }
    // "Simultaneous requests for the same object (request collapsing)" in "Request and response
    // behavior for custom origins".
    const flight = alone ? undefined : node.flights.get(flightKey);
    if (flight === undefined)
      return this.startFetch(node, level, keyed, waiter, alone, background, nowMs);
    flight.followers.push(waiter);
    return undefined;
  }

  /** Starts a flight to the next cache, or to the origin after the last one. */
  private startFetch(
    node: CacheNode,
    level: number,
    keyed: KeyedRequest,
    leader: Waiter | undefined,
    alone: boolean,
    background: boolean,
    nowMs: number,
  ): Reply | undefined {
    const variant = variantOf(keyed.request);
    const held = find(node.cache, keyed, nowMs);
    const reason =
      held === undefined
        ? node.cache.absence(keyed.key + variant, keyed.urlKey + variant, nowMs)
        : 'expired';
    const flight: Flight = {
      node,
      level,
      keyed,
      held,
      reason,
      leader,
      followers: [],
      invalidated: false,
    };
    if (!alone || leader === undefined) node.flights.set(keyed.key + variant, flight);
    if (this.nodeAt(keyed, level + 1) === undefined) {
      this.started.push(this.fetchFromOrigin(flight, keyed, held, background));
      return undefined;
    }
    const reply = this.lookUp(keyed, level + 1, flight, alone, background, nowMs);
    return reply && this.complete(flight, reply, nowMs);
  }

  private fetchFromOrigin(
    requester: Flight | KeyedRequest,
    keyed: KeyedRequest,
    held: CachedObject | undefined,
    background: boolean,
  ): Fetch {
    const id = ++this.lastFetch;
    this.fetches.set(id, requester);
    const validators = held && validatorsOf(held.stored, keyed.behavior);
    return { id, keyed, ...(validators && { validators }), background };
  }

  /** Delivers a reply to a waiter and to all requests that wait for it in turn. */
  private deliver(waiter: Waiter, reply: Reply, nowMs: number): void {
    if (!isFlight(waiter)) {
      this.served.push(servedAs(waiter, reply, nowMs));
      return;
    }
    const { node, level, leader, followers } = waiter;
    const own = this.complete(waiter, reply, nowMs);
    if (leader !== undefined) this.deliver(leader, own, nowMs);
    const shared: Reply = {
      ...own,
      source: node.tier,
      collapsed: true,
      refreshed: false,
      reason: undefined,
    };
    for (const follower of followers) {
      const released =
        own.stored.shareable || own.stale
          ? shared
          : this.startFetch(
              node,
              level,
              isFlight(follower) ? follower.keyed : follower,
              follower,
              true,
              false,
              nowMs,
            );
      if (released !== undefined) this.deliver(follower, released, nowMs);
    }
  }

  /** Completes a flight: stores the response, or replaces an error by the stale object. */
  private complete(flight: Flight, reply: Reply, nowMs: number): Reply {
    const { node, keyed, held, reason } = flight;
    const { cache, tier, flights } = node;
    const { stored } = reply;
    const flightKey = keyed.key + variantOf(keyed.request);
    if (flights.get(flightKey) === flight) flights.delete(flightKey);
    const retryMs = this.retryAt(flight, reply, nowMs);
    if (held !== undefined && retryMs !== undefined) {
      held.retryMs = retryMs;
      cache.touch(held);
      return {
        ...reply,
        stored: held.stored,
        source: tier,
        stale: true,
        retryMs,
        refreshed: false,
        reason: undefined,
      };
    }
    if (!flight.invalidated) keep(cache, keyed, stored);
    const refreshed = held !== undefined && isSameRepresentation(held.stored, stored);
    return { ...reply, refreshed, reason: stored.storable ? reason : 'uncacheable' };
  }

  /**
   * When to try the origin again, in milliseconds, if the reply is an error and the stale object is
   * served instead. An error starts the error caching minimum TTL: "How CloudFront processes HTTP
   * 4xx and 5xx status codes". If the next cache already served stale, its retry time applies.
   * Undefined if the stale object must not be served.
   */
  private retryAt({ held }: Flight, { stored, retryMs }: Reply, nowMs: number): number | undefined {
    if (held === undefined || nowMs >= held.stored.ifErrorMs) return undefined;
    const { status } = stored.response;
    if (status >= 500)
      return nowMs + errorTtlSeconds(status, this.options.errorMinTtlSeconds) * 1000;
    return retryMs > 0 && (held.stored === stored || isSameRepresentation(held.stored, stored))
      ? retryMs
      : undefined;
  }

  /**
   * The cache at a level, counted from the viewer. Origin Shield in the region of the regional edge
   * cache is the same cache: "Use Amazon CloudFront Origin Shield".
   */
  private nodeAt({ pop, regional, shield }: KeyedRequest, level: number): CacheNode | undefined {
    if (level === 0) return this.node('pop', pop);
    if (level === 1)
      return shield === regional ? this.node('shield', regional) : this.node('regional', regional);
    return level === 2 && shield !== undefined && shield !== regional
      ? this.node('shield', shield)
      : undefined;
  }

  private node(tier: Tier, name: string): CacheNode {
    const known = this.nodes[tier].get(name);
    if (known !== undefined) return known;
    const node = {
      tier,
      cache: new ObjectCache(this.options.capacityBytes[tier]),
      flights: new Map<string, Flight>(),
    };
    this.nodes[tier].set(name, node);
    return node;
  }
}

/**
 * Finds the whole object if it is fresh, otherwise the object of this variant, otherwise the
 * expired whole object for revalidation.
 */
function find(
  cache: ObjectCache,
  { key, request }: KeyedRequest,
  nowMs: number,
): CachedObject | undefined {
  const whole = cache.get(key);
  const variant = variantOf(request);
  if (variant === '' || (whole !== undefined && nowMs < whole.stored.expiresMs)) return whole;
  const own = cache.get(key + variant);
  return whole === undefined || (own !== undefined && nowMs < own.stored.expiresMs) ? own : whole;
}

/**
 * Stores a response. One that must not be stored removes the previous object; an error does not,
 * because it may be temporary.
 */
function keep(cache: ObjectCache, { key, urlKey }: KeyedRequest, stored: StoredResponse): void {
  const { variant, storable, response } = stored;
  if (storable) cache.set(key + variant, urlKey + variant, stored);
  else if (response.status < 400 && response.status !== 304) cache.delete(key + variant);
}

/** The path and query of `host/path?query`, without the suffix of a variant's key. */
function pathOf(url: string): string {
  const end = url.indexOf('\n');
  return url.slice(url.indexOf('/'), end < 0 ? undefined : end);
}

/**
 * Whether a request uses the caches. Other methods go straight to the origin, bypass the regional
 * edge cache and affect no object: "HTTP methods" in "Request and response behavior for custom
 * origins". So do all requests of a behavior that forwards all headers, or whose TTLs are all 0.
 */
export function isCacheable({
  behavior,
  request,
}: Pick<KeyedRequest, 'behavior' | 'request'>): boolean {
  const { headers, minTtlSeconds, defaultTtlSeconds, maxTtlSeconds } = behavior.cachePolicy;
  const disabled = minTtlSeconds === 0 && defaultTtlSeconds === 0 && maxTtlSeconds === 0;
  return behavior.cachedMethods.includes(request.method) && headers.kind !== 'all' && !disabled;
}

/**
 * Whether simultaneous requests are collapsed. They are not if all cookies go to the origin:
 * "Request collapsing".
 */
function collapses({ cachePolicy, originRequest }: BehaviorModel): boolean {
  return cachePolicy.cookies.kind !== 'all' && originRequest.cookies.kind !== 'all';
}

/**
 * The validators of a conditional request to the origin: "Conditional requests" in "Request and
 * response behavior for custom origins". There are none for `Vary: *` with a minimum TTL of 0:
 * "Content negotiation", the same page.
 */
function validatorsOf(
  { response: { status, headers } }: StoredResponse,
  { cachePolicy }: BehaviorModel,
): Validators | undefined {
  if (status >= 400 || (variesByAnything(headers) && cachePolicy.minTtlSeconds === 0))
    return undefined;
  const [etag] = headers.etag ?? [];
  const [lastModified] = headers['last-modified'] ?? [];
  if (etag === undefined && lastModified === undefined) return undefined;
  return {
    ...(etag !== undefined && { etag }),
    ...(lastModified !== undefined && { lastModified }),
  };
}
