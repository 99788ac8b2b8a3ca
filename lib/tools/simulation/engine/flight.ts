/** A flight is a request from one cache to the next, with the requests that wait for it. */

import type { CacheResult, MissReason, ServedBy } from '../messages';
import type { KeyedRequest, ServedResponse, Tier } from './messages';
import type { CachedObject, ObjectCache } from './object-cache';
import { type StoredResponse, variantOf } from './stored-response';

export interface CacheNode {
  readonly tier: Tier;
  readonly cache: ObjectCache;
  /** The flights that other requests may join, by key and variant. */
  readonly flights: Map<string, Flight>;
}

/** A viewer's request, or the flight of a cache nearer to the viewer. */
export type Waiter = KeyedRequest | Flight;

export interface Flight {
  readonly node: CacheNode;
  readonly level: number;
  readonly keyed: KeyedRequest;
  /** The object that the cache holds and must revalidate. */
  readonly held: CachedObject | undefined;
  readonly reason: MissReason;
  /** The waiter that started the flight; undefined for a background refresh. */
  leader: Waiter | undefined;
  readonly followers: Waiter[];
  /** Whether the URL was invalidated during the flight. If so, the response is not stored. */
  invalidated: boolean;
}

/** The reply of a cache to a waiter. */
export interface Reply {
  readonly stored: StoredResponse;
  readonly source: ServedBy;
  readonly stale: boolean;
  /**
   * If a stale object replaces an error: when to try the origin again, in milliseconds; otherwise
   * 0.
   */
  readonly retryMs: number;
  readonly collapsed: boolean;
  /** Whether the requesting cache had a copy that the reply confirms, as with a 304. */
  readonly refreshed: boolean;
  readonly reason: MissReason | undefined;
}

export function isFlight(waiter: Waiter): waiter is Flight {
  return 'followers' in waiter;
}

/**
 * Prevents other requests from joining the flight, and the caches on its path from storing the
 * response.
 */
export function invalidateFlight(waiter: Waiter): void {
  if (!isFlight(waiter)) return;
  const { node, keyed, leader, followers } = waiter;
  waiter.invalidated = true;
  node.flights.delete(keyed.key + variantOf(keyed.request));
  if (leader !== undefined) invalidateFlight(leader);
  followers.forEach(invalidateFlight);
}

/**
 * The result that the viewer's request gets. A hit in the regional edge cache counts as a miss:
 * `x-edge-result-type` in "Standard log file fields".
 */
export function servedAs(
  { id }: KeyedRequest,
  { stored, source, stale, collapsed, refreshed, reason }: Reply,
  nowMs: number,
): ServedResponse {
  return {
    requestId: id,
    response: stored.response,
    result: resultOf(stored.response.status, source, refreshed),
    servedBy: source,
    ...(source !== 'pop' && reason !== undefined && { reason }),
    ageSeconds: Math.floor((nowMs - stored.bornMs) / 1000),
    collapsed,
    stale,
  };
}

function resultOf(status: number, source: ServedBy, refreshed: boolean): CacheResult {
  if (status >= 400) return 'Error';
  if (source === 'pop') return 'Hit';
  if (refreshed) return 'RefreshHit';
  return source === 'shield' ? 'OriginShieldHit' : 'Miss';
}
