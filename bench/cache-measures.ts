import { fork } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { RedisServer } from '../test/servers/redis-server';
import { type Figures, median, rounded } from './benchmark';
import type { Stampede } from './cache-stampede';
import { ours, SUBJECTS, type Subject, type SubjectName, type Tiers } from './cache-subjects';

/** Many short ones: other load on the machine then touches a few rounds, not the median. */
const ROUNDS = 25;
const ROUND_MS = 80;
const INVALIDATIONS = 9;
const KEYS = 500;
const TAGGED_KEYS = 10_000;
const PROCESSES = 4;

const PEERS = [
  'bentocache',
  'cacheable',
  'cacheManager',
  'asyncCacheDedupe',
] as const satisfies readonly SubjectName[];

/**
 * Runs all measurements.
 *
 * @param folder contains the compiled program of a stampede's process
 */
export async function measure(
  folder: string,
  progress: (message: string) => void,
): Promise<Figures> {
  const server = await RedisServer.start();
  try {
    const misses: Misses = {};
    const memory = await memoryHits(server.port, misses, progress);
    const one = await serverHits(server.port, 1, misses, progress);
    const many = await serverHits(server.port, 64, misses, progress);
    const tagged = await taggedReads(server.port, misses, progress);
    const invalidateMs = await invalidation(server.port, progress);
    const stampedes: Record<string, number> = {};
    for (const name of ['isochrone', ...PEERS, 'bare'] as const) {
      progress(`Stampede on ${name}.`);
      stampedes[name] = await stampede(folder, server.port, name);
    }
    return {
      cores: availableParallelism(),
      l1Ratio: ratio(memory, 'isochrone', 'bentocache'),
      l2Ratio: ratio(many, 'isochrone', 'bare'),
      serverHitCpuRatio: {
        '1': cpuRatio(one, 'isochrone'),
        '64': cpuRatio(many, 'isochrone'),
      },
      taggedReadRatio: ratio(tagged, 'tagged', 'untagged'),
      invalidateMs: rounded(invalidateMs),
      stampedeLoads: stampedes.isochrone ?? Number.NaN,
      memoryHitsPerSecond: medians(memory),
      serverHitsPerSecondAlone: medians(one),
      serverHitsPerSecondOf64: medians(many),
      taggedHitsPerSecondOf64: medians(tagged),
      serverHitCpuRatioAlone: cpuRatios(one),
      serverHitCpuRatioOf64: cpuRatios(many),
      serverHitCpuMicrosecondsAlone: medians(one, 'cpuMicroseconds'),
      serverHitCpuMicrosecondsOf64: medians(many, 'cpuMicroseconds'),
      loadsOfStampede: stampedes,
      missesAmongHits: misses,
    };
  } finally {
    await server.stop();
  }
}

/** A page of quotes: 1 KB as JSON. */
function page(key: number): object {
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
interface Round {
  readonly perSecond: number;
  /** The time of this process on a CPU, for each read; the server's is not in it. */
  readonly cpuMicroseconds: number;
}

type Rounds = Record<string, Round[]>;

type Misses = Record<string, number>;

function memoryHits(
  port: number,
  misses: Misses,
  progress: (message: string) => void,
): Promise<Rounds> {
  return inTurn(['isochrone', ...PEERS], port, 'memory', 1, misses, (round, name) =>
    progress(`Memory, round ${round}: ${name}.`),
  );
}

function serverHits(
  port: number,
  callers: number,
  misses: Misses,
  progress: (message: string) => void,
): Promise<Rounds> {
  const names = ['isochrone', 'bare', 'barePipelined', ...PEERS] as const;
  return inTurn(names, port, 'server', callers, misses, (round, name) =>
    progress(`Server, ${callers} at once, round ${round}: ${name}.`),
  );
}

async function inTurn(
  names: readonly SubjectName[],
  port: number,
  tiers: Tiers,
  callers: number,
  misses: Misses,
  progress: (round: number, name: string) => void,
): Promise<Rounds> {
  const subjects: [string, Subject][] = [];
  for (const name of names) subjects.push([name, await SUBJECTS[name](port, tiers)]);
  try {
    for (const [, subject] of subjects) {
      for (let key = 0; key < KEYS; key++)
        await subject.getOrLoad(`key:${key}`, async () => page(key));
    }
    // A write that has not reached the server yet would be a miss.
    await new Promise((resolve) => setTimeout(resolve, 200));
    const reads = subjects.map(
      ([name, subject]) =>
        [
          name,
          (key: number) => subject.getOrLoad(`key:${key}`, countMiss(misses, name, key)),
        ] as const,
    );
    return await rounds(Object.fromEntries(reads), callers, progress);
  } finally {
    await Promise.all(subjects.map(([, subject]) => subject.close()));
  }
}

/**
 * A loader for keys that are cached. A cache with a deadline calls it when the machine pauses for
 * longer than the deadline. Such loads count as reads, so they are reported.
 */
function countMiss(misses: Misses, name: string, key: number): () => Promise<unknown> {
  return async () => {
    misses[name] = (misses[name] ?? 0) + 1;
    return page(key);
  };
}

type Read = (key: number) => Promise<unknown>;

/**
 * The rounds of each subject. The first round is a warm-up and does not count. Each round begins with
 * another subject.
 */
async function rounds(
  reads: Readonly<Record<string, Read>>,
  callers: number,
  progress: (round: number, name: string) => void,
): Promise<Rounds> {
  const entries = Object.entries(reads);
  const results: Rounds = Object.fromEntries(entries.map(([name]) => [name, []]));
  for (let round = 0; round <= ROUNDS; round++) {
    for (let turn = 0; turn < entries.length; turn++) {
      const [name, read] = entries[(round + turn) % entries.length] as (typeof entries)[number];
      progress(round, name);
      const measured = await readRound(read, callers);
      if (round > 0) results[name]?.push(measured);
    }
  }
  return results;
}

async function readRound(read: Read, callers: number): Promise<Round> {
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

async function taggedReads(
  port: number,
  misses: Misses,
  progress: (message: string) => void,
): Promise<Rounds> {
  const cache = await ours(port, 'server');
  try {
    const tags = (key: number) => ({ tags: [`symbol:${key % 50}`] });
    for (let key = 0; key < KEYS; key++) {
      await cache.getOrLoad(`untagged:${key}`, () => page(key));
      await cache.getOrLoad(`tagged:${key}`, () => page(key), tags(key));
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
    return await rounds(
      {
        untagged: (key) => cache.getOrLoad(`untagged:${key}`, countMiss(misses, 'untagged', key)),
        tagged: (key) =>
          cache.getOrLoad(`tagged:${key}`, countMiss(misses, 'tagged', key), tags(key)),
      },
      64,
      (round, name) => progress(`Tags, round ${round}: ${name}.`),
    );
  } finally {
    await cache.close();
  }
}

async function invalidation(port: number, progress: (message: string) => void): Promise<number> {
  const cache = await ours(port, 'memory');
  try {
    const times: number[] = [];
    for (let round = 1; times.length < INVALIDATIONS; round++) {
      if (round > 3 * INVALIDATIONS) throw new Error('The invalidations did not reach the server.');
      progress(`Invalidation of ${TAGGED_KEYS} keys, round ${round}.`);
      for (let first = 0; first < TAGGED_KEYS; first += 500) {
        const keys = Array.from({ length: 500 }, (_, index) => `many:${first + index}`);
        await Promise.all(keys.map((key) => cache.set(key, page(1), { tags: ['many'] })));
      }
      const begin = performance.now();
      const { reached } = await cache.invalidateTags('many');
      const tookMs = performance.now() - begin;
      if (!reached) {
        // The machine paused for longer than the deadline of a command, so this was not a full
        // invalidation.
        await new Promise((resolve) => setTimeout(resolve, 1000));
        continue;
      }
      times.push(tookMs);
      for (let key = 0; key < TAGGED_KEYS; key += 97) {
        if ((await cache.get(`many:${key}`, { tags: ['many'] })).found)
          throw new Error(`many:${key} was invalidated, but is still cached.`);
      }
    }
    return median(times);
  } finally {
    await cache.close();
  }
}

/** The number of loads by four processes that begin at the same moment. */
async function stampede(folder: string, port: number, name: SubjectName): Promise<number> {
  const children = Array.from({ length: PROCESSES }, () =>
    fork(join(folder, 'cache-stampede.js'), [name, String(port)], { execArgv: [] }),
  );
  try {
    await Promise.all(children.map((child) => answer(child)));
    const start: Stampede = { key: `stampede:${name}`, at: Date.now() + 100 };
    const loads = await Promise.all(
      children.map((child) => {
        const loadCount = answer(child);
        child.send(start);
        return loadCount;
      }),
    );
    return loads.reduce<number>((sum, of) => sum + Number(of), 0);
  } finally {
    for (const child of children) child.kill();
  }
}

async function answer(child: ReturnType<typeof fork>): Promise<unknown> {
  const [message] = await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(([code]): never => {
      throw new Error(`A process of the stampede ended early with ${code}.`);
    }),
  ]);
  return message;
}

type Measure = keyof Round;

function ratio(of: Rounds, name: string, base: string, measure: Measure = 'perSecond'): number {
  const bases = of[base] ?? [];
  return rounded(
    median(
      (of[name] ?? []).map((round, at) => round[measure] / (bases[at]?.[measure] ?? Number.NaN)),
    ),
  );
}

/** The CPU time of a subject's hit, as a share of the bare client's in the same round. */
function cpuRatio(of: Rounds, name: string): number {
  return ratio(of, name, 'bare', 'cpuMicroseconds');
}

function cpuRatios(of: Rounds): Record<string, number> {
  return Object.fromEntries(Object.keys(of).map((name) => [name, cpuRatio(of, name)]));
}

function medians(of: Rounds, measure: Measure = 'perSecond'): Record<string, number> {
  return Object.fromEntries(
    Object.entries(of).map(([name, rounds]) => [
      name,
      rounded(median(rounds.map((round) => round[measure]))),
    ]),
  );
}
