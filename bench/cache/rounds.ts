/** One round of a subject: as many reads of cached keys as fit into a moment. */
import { performance } from 'node:perf_hooks';

export const KEYS = 500;
const ROUND_MS = 60;

/** A page of quotes: 1 KB as JSON. */
export function page(key: number): object {
  const quote = (id: number) => ({
    ...{
      id,
      symbol: 'AAPL',
      price: 187.23 + id,
      volume: 1_234_567 + id,
      venue: 'NASDAQ',
      currency: 'USD',
      active: true,
    },
    ...{
      updatedAt: '2026-01-02T03:04:05.678Z',
      tags: ['tech', 'large-cap'],
      bid: { price: 187.2, size: 100 },
      ask: { price: 187.3, size: 200 },
    },
  });
  return { key, items: [1, 2, 3, 4].map(quote), next: 'eyJpZCI6NH0', total: 400 };
}

/** One round of one subject. */
export interface Round {
  readonly perSecond: number;
  /** The time of this process on a CPU, for each read; the server's is not in it. */
  readonly cpuMicroseconds: number;
}

/** Reads that were loads, by the name of their subject. */
export type Misses = Record<string, number>;

/**
 * A loader for keys that are cached. A cache with a deadline calls it when the machine pauses for
 * longer than the deadline. Such loads count as reads, so they are reported.
 */
export function countMiss(misses: Misses, name: string, key: number): () => Promise<unknown> {
  return async () => {
    misses[name] = (misses[name] ?? 0) + 1;
    return page(key);
  };
}

export type Read = (key: number) => Promise<unknown>;

/** @param callers how many read at the same time */
export async function readRound(read: Read, callers: number): Promise<Round> {
  let reads = 0;
  const cpu = process.cpuUsage();
  const begin = performance.now();
  const end = begin + ROUND_MS;
  const caller = async (first: number): Promise<void> => {
    for (let key = first; performance.now() < end; ) {
      // The clock is read every 16th time: reading it costs as much as a hit in memory.
      for (let step = 0; step < 16; step++) {
        await read(key);
        key = (key + 1) % KEYS;
      }
      reads += 16;
    }
  };
  await Promise.all(Array.from({ length: callers }, (_, index) => caller((index * 7) % KEYS)));
  const { user, system } = process.cpuUsage(cpu);
  return {
    perSecond: (reads * 1000) / (performance.now() - begin),
    cpuMicroseconds: (user + system) / reads,
  };
}
