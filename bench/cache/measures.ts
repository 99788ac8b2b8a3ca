import { fork } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { RedisServer } from '../../test/servers/redis-server';
import { type Figures, median, rounded } from '../benchmark';
import { keepOnCore } from './cores';
import { countMiss, KEYS, type Misses, page, type Round, readRound } from './rounds';
import type { Stampede } from './stampede';
import type { Reading } from './subject-process';
import { ours, type SubjectName, type Tiers } from './subjects';

/** Many short ones: other load on the machine then touches a few rounds, not the median. */
const ROUNDS = 40;
/** Until then, the engine compiles what it runs most. More code takes it longer. */
const WARM_UP = 10;
const INVALIDATIONS = 9;
/** As in a deployment, where the server is another machine. */
const SERVER_CORE = 1;
const CLIENT_CORE = 0;
const TAGGED_KEYS = 10_000;
const PROCESSES = 4;

const PEERS = [
  'bentocache',
  'cacheable',
  'cacheManager',
  'asyncCacheDedupe',
] as const satisfies readonly SubjectName[];

/** What the measurements of one run share. */
interface Run {
  /** Contains the compiled programs of the processes. */
  readonly folder: string;
  readonly port: number;
  readonly misses: Misses;
  readonly progress: (message: string) => void;
}

/**
 * Runs all measurements.
 *
 * @param folder contains the compiled programs of the processes
 */
export async function measure(
  folder: string,
  progress: (message: string) => void,
): Promise<Figures> {
  const server = await RedisServer.start();
  const run: Run = { folder, port: server.port, misses: {}, progress };
  try {
    const [, pid] = /process_id:(\d+)/.exec(String(await server.command('INFO', 'server'))) ?? [];
    const apart = availableParallelism() > 1 && keepOnCore(Number(pid), SERVER_CORE);
    const memory = await memoryHits(run);
    const one = await serverHits(run, 1);
    const many = await serverHits(run, 64);
    const tagged = await taggedReads(run);
    const invalidateMs = await invalidation(run);
    const stampedes: Record<string, number> = {};
    for (const name of ['isochrone', ...PEERS, 'bare'] as const) {
      progress(`Stampede on ${name}.`);
      stampedes[name] = await stampede(run, name);
    }
    return {
      cores: availableParallelism(),
      serverOnCoreOfItsOwn: Number(apart),
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
      missesAmongHits: run.misses,
    };
  } finally {
    await server.stop();
  }
}

type Rounds = Record<string, Round[]>;

function memoryHits(run: Run): Promise<Rounds> {
  return inTurn(run, ['isochrone', ...PEERS], 'memory', 1, (round, name) =>
    run.progress(`Memory, round ${round}: ${name}.`),
  );
}

function serverHits(run: Run, callers: number): Promise<Rounds> {
  const names = ['isochrone', 'bare', 'barePipelined', ...PEERS] as const;
  return inTurn(run, names, 'server', callers, (round, name) =>
    run.progress(`Server, ${callers} at once, round ${round}: ${name}.`),
  );
}

async function inTurn(
  run: Run,
  names: readonly SubjectName[],
  tiers: Tiers,
  callers: number,
  progress: (round: number, name: string) => void,
): Promise<Rounds> {
  const processes: [string, ReturnType<typeof fork>][] = [];
  try {
    for (const name of names) {
      const args = [name, String(run.port), tiers];
      const child = fork(join(run.folder, 'subject-process.js'), args, { execArgv: [] });
      processes.push([name, child]);
      await answer(child);
      keepOnCore(child.pid ?? 0, CLIENT_CORE);
    }
    const rounds = processes.map(([name, child]): [string, () => Promise<Round>] => [
      name,
      async () => {
        child.send(callers);
        const { misses, ...round } = (await answer(child)) as Reading;
        if (misses > 0) run.misses[name] = (run.misses[name] ?? 0) + misses;
        return round;
      },
    ]);
    return await inRounds(Object.fromEntries(rounds), progress);
  } finally {
    for (const [, child] of processes) child.kill();
  }
}

/**
 * The rounds of each subject, after those that warm up. Each round begins with another subject.
 */
async function inRounds(
  subjects: Readonly<Record<string, () => Promise<Round>>>,
  progress: (round: number, name: string) => void,
): Promise<Rounds> {
  const entries = Object.entries(subjects);
  const results: Rounds = Object.fromEntries(entries.map(([name]) => [name, []]));
  for (let round = 1 - WARM_UP; round <= ROUNDS; round++) {
    for (let turn = 0; turn < entries.length; turn++) {
      const [name, measure] = entries[
        (round + WARM_UP + turn) % entries.length
      ] as (typeof entries)[number];
      progress(round, name);
      const measured = await measure();
      if (round > 0) results[name]?.push(measured);
    }
  }
  return results;
}

async function taggedReads({ port, misses, progress }: Run): Promise<Rounds> {
  const cache = await ours(port, 'server');
  try {
    const tags = (key: number) => ({ tags: [`symbol:${key % 50}`] });
    for (let key = 0; key < KEYS; key++) {
      await cache.getOrLoad(`untagged:${key}`, () => page(key));
      await cache.getOrLoad(`tagged:${key}`, () => page(key), tags(key));
    }
    await sleep(200);
    const untagged = (key: number) =>
      cache.getOrLoad(`untagged:${key}`, countMiss(misses, 'untagged', key));
    const tagged = (key: number) =>
      cache.getOrLoad(`tagged:${key}`, countMiss(misses, 'tagged', key), tags(key));
    return await inRounds(
      { untagged: () => readRound(untagged, 64), tagged: () => readRound(tagged, 64) },
      (round, name) => progress(`Tags, round ${round}: ${name}.`),
    );
  } finally {
    await cache.close();
  }
}

async function invalidation({ port, progress }: Run): Promise<number> {
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
        await sleep(1000);
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
async function stampede({ folder, port }: Run, name: SubjectName): Promise<number> {
  const children = Array.from({ length: PROCESSES }, () =>
    fork(join(folder, 'stampede.js'), [name, String(port)], { execArgv: [] }),
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
  const answered = new AbortController();
  const { signal } = answered;
  try {
    const [message] = await Promise.race([
      once(child, 'message', { signal }),
      once(child, 'exit', { signal }).then(([code]): never => {
        throw new Error(`A process of the benchmark ended early with ${code}.`);
      }),
    ]);
    return message;
  } finally {
    answered.abort();
  }
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
