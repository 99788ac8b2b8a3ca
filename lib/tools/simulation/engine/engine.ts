/**
 * CloudFront's caching, as one engine: a request goes in, an answer or a fetch comes out. It has no
 * clock and does no I/O.
 *
 * A request asks the cache of its edge location, which asks the regional edge cache, which asks
 * Origin Shield: "How CloudFront caching works with regional edge caches" and "Use Amazon
 * CloudFront Origin Shield", Amazon CloudFront developer guide. What one cache asks of the next is
 * a flight; those who want the same object meanwhile wait for it. Modelled, because it is not
 * documented: an object has the age and the end in every cache that it got in the first, and a
 * cache that does not hold an object asks for all of it.
 */

import type { HttpAnswer } from '../messages';
import { collapses, isCacheable, validatorsOf } from './caching-rules';
import type {
  Answered,
  EngineOptions,
  Fetch,
  KeyedRequest,
  Served,
  Step,
  Tier,
  TierStats,
} from './engine-messages';
import {
  type Flight,
  forsake,
  isFlight,
  type Place,
  type Reply,
  servedAs,
  type Waiter,
} from './flight';
import { errorTtlSeconds } from './freshness';
import { type CachedObject, ObjectCache } from './object-cache';
import {
  isSameRepresentation,
  refreshedAnswer,
  type StoredAnswer,
  storedAnswer,
  variantOf,
} from './stored-answer';

export type * from './engine-messages';

/**
 * "Origin unavailable" in "Request and response behavior for custom origins": an origin that does
 * not answer counts as a 5xx.
 */
const NO_ANSWER: HttpAnswer = { status: 504, headers: {}, bodyBytes: 0 };

export class CacheEngine {
  private readonly places: Readonly<Record<Tier, Map<string, Place>>> = {
    pop: new Map(),
    regional: new Map(),
    shield: new Map(),
  };
  private readonly fetches = new Map<number, Flight | KeyedRequest>();
  private lastFetch = 0;
  /** What the step that is being taken brought forth. */
  private served: Served[] = [];
  private started: Fetch[] = [];

  constructor(private readonly options: EngineOptions) {}

  request(keyed: KeyedRequest, nowMs: number): Step {
    if (!isCacheable(keyed)) return { fetch: this.fetch(keyed, keyed, undefined, false) };
    this.started = [];
    const reply = this.ask(keyed, 0, keyed, !collapses(keyed.behavior), false, nowMs);
    const [fetch] = this.started;
    return { ...(reply && { served: servedAs(keyed, reply, nowMs) }), ...(fetch && { fetch }) };
  }

  /**
   * @param answer after the origin-response function
   * @throws Error if there is no such fetch, or it has been answered
   */
  answer(fetchId: number, answer: HttpAnswer | 'unreachable', nowMs: number): Answered {
    const asker = this.fetches.get(fetchId);
    if (asker === undefined) throw new Error(`No fetch ${fetchId} is under way.`);
    this.fetches.delete(fetchId);
    this.served = [];
    this.started = [];
    const { keyed, held } = isFlight(asker) ? asker : { keyed: asker };
    const { errorMinTtlSeconds } = this.options;
    const given = answer === 'unreachable' ? NO_ANSWER : answer;
    const stored =
      given.status === 304 && held !== undefined
        ? refreshedAnswer(held.stored, given.headers, keyed.behavior, errorMinTtlSeconds, nowMs)
        : storedAnswer(given, keyed.request, keyed.behavior, errorMinTtlSeconds, nowMs);
    this.deliver(
      asker,
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
   * Removes the objects of a URL from all caches, whatever their headers and cookies. `*` stands
   * for any characters at the end of the pattern, and for itself elsewhere; the query string
   * counts: "Invalidate files to remove content". Modelled: what is under way was asked before, so
   * it is given to those who wait, and not kept.
   *
   * @returns how many objects it removed
   */
  invalidate(pattern: string, _nowMs: number): number {
    const path = pattern.startsWith('/') ? pattern : `/${pattern}`;
    const start = path.endsWith('*') ? path.slice(0, -1) : undefined;
    const matches = (url: string) => {
      const own = pathOf(url);
      return start === undefined ? own === path : own.startsWith(start);
    };
    for (const asker of this.fetches.values())
      if (isFlight(asker) && matches(asker.keyed.urlKey)) forsake(asker);
    return this.all().reduce((sum, { cache }) => sum + cache.invalidate(matches), 0);
  }

  stats(): Readonly<Record<Tier, TierStats>> {
    const of = (tier: Tier): TierStats => {
      const caches = [...this.places[tier].values()].map(({ cache }) => cache);
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

  private all(): Place[] {
    return Object.values(this.places).flatMap((places) => [...places.values()]);
  }

  /** @returns undefined if the waiter has to wait */
  private ask(
    keyed: KeyedRequest,
    level: number,
    waiter: Waiter,
    alone: boolean,
    background: boolean,
    nowMs: number,
  ): Reply | undefined {
    const place = this.placeAt(keyed, level);
    if (place === undefined) throw new Error(`A request has no cache at level ${level}.`);
    const object = find(place.cache, keyed, nowMs);
    const flightKey = keyed.key + variantOf(keyed.request);
    if (object !== undefined) {
      const { expiresMs, whileRevalidateMs, ifErrorMs } = object.stored;
      const stale = nowMs >= expiresMs;
      const untried = nowMs < object.retryMs && nowMs < ifErrorMs;
      // What is fetched in the background is wanted new.
      if (!stale || untried || (nowMs < whileRevalidateMs && !background)) {
        place.cache.touch(object);
        const refresh = stale && !untried && !place.flights.has(flightKey);
        if (refresh) this.depart(place, level, keyed, undefined, alone, true, nowMs);
        const retryMs = untried ? object.retryMs : 0;
        return {
          stored: object.stored,
          source: place.tier,
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
    const flight = alone ? undefined : place.flights.get(flightKey);
    if (flight === undefined)
      return this.depart(place, level, keyed, waiter, alone, background, nowMs);
    flight.followers.push(waiter);
    return undefined;
  }

  /** Asks the next cache, or the origin where there is none. */
  private depart(
    place: Place,
    level: number,
    keyed: KeyedRequest,
    leader: Waiter | undefined,
    alone: boolean,
    background: boolean,
    nowMs: number,
  ): Reply | undefined {
    const variant = variantOf(keyed.request);
    const held = find(place.cache, keyed, nowMs);
    const reason =
      held === undefined
        ? place.cache.absence(keyed.key + variant, keyed.urlKey + variant, nowMs)
        : 'expired';
    const flight: Flight = {
      place,
      level,
      keyed,
      held,
      reason,
      leader,
      followers: [],
      invalidated: false,
    };
    if (!alone || leader === undefined) place.flights.set(keyed.key + variant, flight);
    if (this.placeAt(keyed, level + 1) === undefined) {
      this.started.push(this.fetch(flight, keyed, held, background));
      return undefined;
    }
    const reply = this.ask(keyed, level + 1, flight, alone, background, nowMs);
    return reply && this.settle(flight, reply, nowMs);
  }

  private fetch(
    asker: Flight | KeyedRequest,
    keyed: KeyedRequest,
    held: CachedObject | undefined,
    background: boolean,
  ): Fetch {
    const id = ++this.lastFetch;
    this.fetches.set(id, asker);
    const validators = held && validatorsOf(held.stored, keyed.behavior);
    return { id, keyed, ...(validators && { validators }), background };
  }

  /** Gives a reply to whom it is for, and to those who wait for them. */
  private deliver(waiter: Waiter, reply: Reply, nowMs: number): void {
    if (!isFlight(waiter)) {
      this.served.push(servedAs(waiter, reply, nowMs));
      return;
    }
    const { place, level, leader, followers } = waiter;
    const own = this.settle(waiter, reply, nowMs);
    if (leader !== undefined) this.deliver(leader, own, nowMs);
    const shared: Reply = {
      ...own,
      source: place.tier,
      collapsed: true,
      refreshed: false,
      reason: undefined,
    };
    for (const follower of followers) {
      const released =
        own.stored.shareable || own.stale
          ? shared
          : this.depart(
              place,
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

  /** A cache has what it asked for: it keeps it, or serves what it has in place of an error. */
  private settle(flight: Flight, reply: Reply, nowMs: number): Reply {
    const { place, keyed, held, reason } = flight;
    const { cache, tier, flights } = place;
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
   * "How CloudFront processes HTTP 4xx and 5xx status codes": on an error an expired object is
   * served, and the origin tried again after a time, which is the same for a cache whose next one
   * has done so. Undefined if this is no such case.
   */
  private retryAt({ held }: Flight, { stored, retryMs }: Reply, nowMs: number): number | undefined {
    if (held === undefined || nowMs >= held.stored.ifErrorMs) return undefined;
    const { status } = stored.answer;
    if (status >= 500)
      return nowMs + errorTtlSeconds(status, this.options.errorMinTtlSeconds) * 1000;
    return retryMs > 0 && (held.stored === stored || isSameRepresentation(held.stored, stored))
      ? retryMs
      : undefined;
  }

  /**
   * Where Origin Shield is in the region of the regional edge cache, they are one: "Use Amazon
   * CloudFront Origin Shield".
   */
  private placeAt({ pop, regional, shield }: KeyedRequest, level: number): Place | undefined {
    if (level === 0) return this.place('pop', pop);
    if (level === 1)
      return shield === regional
        ? this.place('shield', regional)
        : this.place('regional', regional);
    return level === 2 && shield !== undefined && shield !== regional
      ? this.place('shield', shield)
      : undefined;
  }

  private place(tier: Tier, name: string): Place {
    const known = this.places[tier].get(name);
    if (known !== undefined) return known;
    const place = {
      tier,
      cache: new ObjectCache(this.options.capacityBytes[tier]),
      flights: new Map<string, Flight>(),
    };
    this.places[tier].set(name, place);
    return place;
  }
}

/**
 * The whole object while it is fresh, else the one of this variant, else the whole one to be
 * revalidated.
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
 * What must not be kept takes the place of what was; an error does not, for it may be over soon.
 */
function keep(cache: ObjectCache, { key, urlKey }: KeyedRequest, stored: StoredAnswer): void {
  const { variant, storable, answer } = stored;
  if (storable) cache.set(key + variant, urlKey + variant, stored);
  else if (answer.status < 400 && answer.status !== 304) cache.delete(key + variant);
}

/** Of `host/path?query`, and what follows it in the key of a variant, the path and query. */
function pathOf(url: string): string {
  const end = url.indexOf('\n');
  return url.slice(url.indexOf('/'), end < 0 ? undefined : end);
}
