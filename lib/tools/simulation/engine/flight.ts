/** What a cache asks of the next one, who waits for it, and what becomes of it. */

import type { CacheResult, MissReason, ServedBy } from '../messages';
import type { KeyedRequest, ServedResponse, Tier } from './messages';
import type { CachedObject, ObjectCache } from './object-cache';
import { type StoredResponse, variantOf } from './stored-response';

export interface CacheNode {
  readonly tier: Tier;
  readonly cache: ObjectCache;
  /** Those that others may wait for, by key and variant. */
  readonly flights: Map<string, Flight>;
}

/** A viewer's request, or the flight of a cache that is nearer to the viewer. */
export type Waiter = KeyedRequest | Flight;

export interface Flight {
  readonly node: CacheNode;
  readonly level: number;
  readonly keyed: KeyedRequest;
  /** What the cache has, and has to ask about. */
  readonly held: CachedObject | undefined;
  readonly reason: MissReason;
  /** Nobody, where what was stale has been served. */
  leader: Waiter | undefined;
  readonly followers: Waiter[];
  /** It was under way when its URL was invalidated, so what it brings is not kept. */
  invalidated: boolean;
}

/** What a cache gives to whom it was asked by. */
export interface Reply {
  readonly stored: StoredResponse;
  readonly source: ServedBy;
  readonly stale: boolean;
  /** Where it stands in place of an error: when the origin is tried again. */
  readonly retryMs: number;
  readonly collapsed: boolean;
  /** The asker had it, and was told that it is still right. */
  readonly refreshed: boolean;
  readonly reason: MissReason | undefined;
}

export function isFlight(waiter: Waiter): waiter is Flight {
  return 'followers' in waiter;
}

/** Nobody joins it any more, and no cache keeps what it brings. */
export function invalidateFlight(waiter: Waiter): void {
  if (!isFlight(waiter)) return;
  const { node, keyed, leader, followers } = waiter;
  waiter.invalidated = true;
  node.flights.delete(keyed.key + variantOf(keyed.request));
  if (leader !== undefined) invalidateFlight(leader);
  followers.forEach(invalidateFlight);
}

/**
 * "Standard log file fields", `x-edge-result-type`. A hit in the regional edge cache is a miss of
 * the edge location.
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
