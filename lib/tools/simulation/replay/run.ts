/**
 * One run of a replay at one capacity: an engine, a virtual clock, and the origin responses in
 * transit.
 */
import { CacheEngine, type Fetch, type KeyedRequest, type ServedResponse } from '../engine';
import type { LogRecord } from '../logs';
import type { PreparedRequest } from '../path';
import { hopsMs, transferMs } from './latency';
import type { OriginResponse } from './origin';
import type { Cell } from './tally';

/** A request of the log, prepared once for all runs. */
export interface ReplayedRequest {
  readonly record: LogRecord;
  readonly prepared: PreparedRequest;
  readonly keyed: KeyedRequest;
  readonly cell: Cell;
  /** Sends the request to the origin, or returns the response that another run got. */
  readonly origin: (fetch: Fetch) => Promise<OriginResponse>;
}

export interface Run {
  request(replayed: ReplayedRequest): Promise<void>;
  /** Delivers the origin responses that have arrived by then. */
  advance(toMs: number): Promise<void>;
}

interface PendingResponse {
  readonly atMs: number;
  readonly fetchId: number;
  readonly response: OriginResponse['response'];
}

/**
 * The capacity of regional edge caches and Origin Shield as a multiple of an edge location's. An
 * assumption: they are larger, and AWS does not publish by how much.
 */
export const REGIONAL_CAPACITY_FACTOR = 10;

/** @param index the index of the run's counts in each cell */
export function replayRun(
  index: number,
  capacityBytes: number,
  errorMinTtlSeconds: Readonly<Record<number, number>>,
  onServed: (replayed: ReplayedRequest, served: ServedResponse, hit: boolean) => Promise<void>,
): Run {
  const larger = capacityBytes * REGIONAL_CAPACITY_FACTOR;
  const engine = new CacheEngine({
    capacityBytes: { pop: capacityBytes, regional: larger, shield: larger },
    errorMinTtlSeconds,
  });
  const due = heap<PendingResponse>((a, b) => a.atMs - b.atMs || a.fetchId - b.fetchId);
  const waiting = new Map<number, ReplayedRequest>();
  const countsOf = ({ cell }: ReplayedRequest) => cell.runs[index] as Cell['runs'][number];

  const send = async (replayed: ReplayedRequest, fetch: Fetch, nowMs: number) => {
    const { response, tookMs, requests, bytes } = await replayed.origin(fetch);
    const counts = countsOf(replayed);
    if (requests > 0) counts.fetching++;
    counts.originRequests += requests;
    counts.originBytes += bytes;
    due.push({ atMs: nowMs + tookMs, fetchId: fetch.id, response });
  };

  const complete = async (served: ServedResponse, nowMs: number) => {
    const replayed = waiting.get(served.requestId) as ReplayedRequest;
    waiting.delete(served.requestId);
    const { record, prepared } = replayed;
    const counts = countsOf(replayed);
    const hit = served.servedBy === 'pop';
    if (hit) counts.hits++;
    else if (served.reason) counts.misses[served.reason]++;
    // The time that a request waited includes the way to the origin.
    const waitedMs = nowMs - record.timeMs;
    counts.latency.add(
      waitedMs +
        hopsMs(
          prepared.place,
          waitedMs > 0 || served.servedBy === 'origin' ? 'pop' : served.servedBy,
          replayed.keyed.shield,
        ) +
        transferMs(record.bytes),
    );
    await onServed(replayed, served, hit);
  };

  return {
    async request(replayed) {
      const nowMs = replayed.record.timeMs;
      waiting.set(replayed.keyed.id, replayed);
      const { served, fetch } = engine.request(replayed.keyed, nowMs);
      if (fetch) await send(replayed, fetch, nowMs);
      if (served) await complete(served, nowMs);
    },
    async advance(toMs) {
      for (let next = due.peek(); next !== undefined && next.atMs <= toMs; next = due.peek()) {
        due.pop();
        const { served, fetches } = engine.receive(next.fetchId, next.response, next.atMs);
        for (const each of served) await complete(each, next.atMs);
        for (const fetch of fetches)
          await send(waiting.get(fetch.keyed.id) as ReplayedRequest, fetch, next.atMs);
      }
    },
  };
}

/** A binary heap: a priority queue with logarithmic operations. */
export interface Heap<Item> {
  push(item: Item): void;
  peek(): Item | undefined;
  pop(): Item | undefined;
  size(): number;
}

export function heap<Item>(compare: (a: Item, b: Item) => number): Heap<Item> {
  const items: Item[] = [];
  const at = (index: number) => items[index] as Item;
  const swap = (a: number, b: number) => {
    [items[a], items[b]] = [at(b), at(a)];
  };
  const before = (a: number, b: number) => a < items.length && compare(at(a), at(b)) < 0;

  function rise(from: number): void {
    let index = from;
    for (
      let parent = (index - 1) >> 1;
      index > 0 && before(index, parent);
      parent = (index - 1) >> 1
    ) {
      swap(index, parent);
      index = parent;
    }
  }

  function sink(): void {
    let index = 0;
    for (;;) {
      const [left, right] = [2 * index + 1, 2 * index + 2];
      const child = before(right, left) ? right : left;
      if (!before(child, index)) return;
      swap(child, index);
      index = child;
    }
  }

  return {
    push(item) {
      items.push(item);
      rise(items.length - 1);
    },
    peek: () => items[0],
    pop() {
      const [first] = items;
      const last = items.pop();
      if (items.length > 0) {
        items[0] = last as Item;
        sink();
      }
      return first;
    },
    size: () => items.length,
  };
}
