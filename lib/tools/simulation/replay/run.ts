/**
 * One run of a replay: one engine of one capacity, with a virtual clock and the answers of origins
 * that are still on their way.
 */
import { CacheEngine, type Fetch, type KeyedRequest, type Served } from '../engine';
import type { LogRecord } from '../logs';
import type { Prepared } from '../path';
import { heap } from './heap';
import { hopsMs, transferMs } from './latency';
import type { OriginAnswer } from './origin';
import type { Cell } from './tally';

/** A request of the log, prepared once for all runs. */
export interface Asked {
  readonly record: LogRecord;
  readonly prepared: Prepared;
  readonly keyed: KeyedRequest;
  readonly cell: Cell;
  /** Asks the origin, or says again what it said to another run. */
  readonly origin: (fetch: Fetch) => Promise<OriginAnswer>;
}

export interface Run {
  request(asked: Asked): Promise<void>;
  /** Gives the answers that have come by then. */
  advance(toMs: number): Promise<void>;
}

interface Due {
  readonly atMs: number;
  readonly fetchId: number;
  readonly answer: OriginAnswer['answer'];
}

/**
 * What regional edge caches and Origin Shield hold, as a multiple of an edge location: an
 * assumption, for they are larger, and AWS does not say by how much.
 */
export const REGIONAL_CAPACITY_FACTOR = 10;

/** @param index of its counts in each cell */
export function replayRun(
  index: number,
  capacityBytes: number,
  errorMinTtlSeconds: Readonly<Record<number, number>>,
  onServed: (asked: Asked, served: Served, hit: boolean) => Promise<void>,
): Run {
  const larger = capacityBytes * REGIONAL_CAPACITY_FACTOR;
  const engine = new CacheEngine({
    capacityBytes: { pop: capacityBytes, regional: larger, shield: larger },
    errorMinTtlSeconds,
  });
  const due = heap<Due>((a, b) => a.atMs - b.atMs || a.fetchId - b.fetchId);
  const waiting = new Map<number, Asked>();
  const countsOf = ({ cell }: Asked) => cell.runs[index] as Cell['runs'][number];

  const send = async (asked: Asked, fetch: Fetch, nowMs: number) => {
    const { answer, tookMs, requests, bytes } = await asked.origin(fetch);
    const counts = countsOf(asked);
    if (requests > 0) counts.fetching++;
    counts.originRequests += requests;
    counts.originBytes += bytes;
    due.push({ atMs: nowMs + tookMs, fetchId: fetch.id, answer });
  };

  const settle = async (served: Served, nowMs: number) => {
    const asked = waiting.get(served.requestId) as Asked;
    waiting.delete(served.requestId);
    const { record, prepared } = asked;
    const counts = countsOf(asked);
    const hit = served.servedBy === 'pop';
    if (hit) counts.hits++;
    else if (served.reason) counts.misses[served.reason]++;
    // Who waited has waited for the way to the origin, too.
    const waitedMs = nowMs - record.timeMs;
    counts.latency.add(
      waitedMs +
        hopsMs(
          prepared.place,
          waitedMs > 0 || served.servedBy === 'origin' ? 'pop' : served.servedBy,
          asked.keyed.shield,
        ) +
        transferMs(record.bytes),
    );
    await onServed(asked, served, hit);
  };

  return {
    async request(asked) {
      const nowMs = asked.record.timeMs;
      waiting.set(asked.keyed.id, asked);
      const { served, fetch } = engine.request(asked.keyed, nowMs);
      if (fetch) await send(asked, fetch, nowMs);
      if (served) await settle(served, nowMs);
    },
    async advance(toMs) {
      for (let next = due.peek(); next !== undefined && next.atMs <= toMs; next = due.peek()) {
        due.pop();
        const { served, fetches } = engine.answer(next.fetchId, next.answer, next.atMs);
        for (const each of served) await settle(each, next.atMs);
        for (const fetch of fetches)
          await send(waiting.get(fetch.keyed.id) as Asked, fetch, next.atMs);
      }
    },
  };
}
