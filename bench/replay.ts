/**
 * The speed of a replay: three access logs through the model of a distribution, against a bare LRU
 * cache of their URLs in the same run. Also the speed of the same replay in a process of its own,
 * as the command line runs it: with the start of the process, which has compiled nothing yet.
 * `npm run build:handlers` makes the program of that process.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { type Assembly, readAssembly } from '../lib/tools/assembly/assembly';
import { replay as confinedReplay } from '../lib/tools/simulation/confined/replay';
import { readDistribution } from '../lib/tools/simulation/distribution/read';
import { openLog } from '../lib/tools/simulation/logs/reader';
import { replay } from '../lib/tools/simulation/replay/replay';
import type { ReplayReport } from '../lib/tools/simulation/replay/report';
import { synthesizeReplayed } from '../test/tools/simulation/replay/replayed-assembly';
import { type Benchmark, type Figures, median, rounded } from './benchmark';
import { TRACE_FILES, tracesDirectory } from './traces';

const ROUNDS = 3;

/** The capacity of the yardstick in objects. */
const LRU_OBJECTS = 10_000;

/**
 * The yardstick: reads the same log and keeps the URLs in a Map. It models neither time nor place
 * nor functions, and has one capacity.
 */
async function bareLru(file: string): Promise<number> {
  const kept = new Map<string, true>();
  let requests = 0;
  const { records } = await openLog(file);
  for await (const { path, query } of records) {
    const url = `${path}?${query}`;
    requests++;
    kept.delete(url);
    kept.set(url, true);
    if (kept.size > LRU_OBJECTS) kept.delete(kept.keys().next().value as string);
  }
  return requests;
}

/** Requests per second. */
async function speed(run: () => Promise<number>): Promise<number> {
  const start = performance.now();
  const requests = await run();
  return (requests * 1000) / (performance.now() - start);
}

async function measure(file: string, assembly: Assembly): Promise<Figures[string]> {
  const distribution = readDistribution(assembly);
  const rounds: { report: ReplayReport; own: number; confined: number; bare: number }[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    // Interleaved, so that a slow moment of the machine affects both.
    const bare = await speed(() => bareLru(file));
    let report: ReplayReport | undefined;
    const own = await speed(async () => {
      report = await replay({ assembly, distribution, log: await openLog(file), file });
      return report.log.replayed;
    });
    const confined = await speed(async () => {
      const { log } = await confinedReplay({ assembly, distribution, log: { file } });
      return log.replayed;
    });
    if (report) rounds.push({ report, own, confined, bare });
  }
  const { report } = rounds[0] as (typeof rounds)[number];
  const [splitter] = report.keySplitters;
  return {
    lines: report.log.lines,
    replayed: report.log.replayed,
    broken: report.log.broken,
    rawUrlCeilingPercent: rounded(report.ceiling.rawUrlHitPercent),
    keyCeilingPercent: rounded(report.ceiling.keyHitPercent),
    ...(splitter && { [`firstSplitter ${splitter.kind} ${splitter.name}`]: splitter.hitsLost }),
    requestsPerSecond: rounded(median(rounds.map(({ own }) => own))),
    ratioToBareLru: rounded(median(rounds.map(({ own, bare }) => own / bare))),
    confinedRequestsPerSecond: rounded(median(rounds.map(({ confined }) => confined))),
  };
}

/** How long a replay of one request takes, in milliseconds: the start of the process. */
async function startMilliseconds(assembly: Assembly, directory: string): Promise<number> {
  const distribution = readDistribution(assembly);
  const file = join(directory, 'one.log');
  writeFileSync(
    file,
    '192.0.2.1 - - [01/Jan/2024:00:00:00 +0000] "GET / HTTP/1.1" 200 1 "-" "-"\n',
  );
  const rounds: number[] = [];
  for (let round = 0; round < STARTS; round++) {
    const start = performance.now();
    await confinedReplay({ assembly, distribution, log: { file } });
    rounds.push(performance.now() - start);
  }
  return rounded(median(rounds));
}

const STARTS = 9;

export const replayBenchmark: Benchmark = {
  name: 'replay',
  about: 'access logs through the model of a distribution, against a bare LRU cache',

  async run(progress): Promise<Figures> {
    const directory = tracesDirectory();
    const files = TRACE_FILES.filter((file) => existsSync(join(directory, file)));
    if (files.length === 0)
      console.error(
        `No log found in ${directory}. Name the folder with --traces or ISOCHRONE_TRACES.`,
      );
    const outdir = mkdtempSync(join(tmpdir(), 'isochrone-bench-'));
    try {
      synthesizeReplayed(outdir);
      const assembly = readAssembly(outdir);
      const figures: Record<string, Figures[string]> = {
        startMilliseconds: await startMilliseconds(assembly, outdir),
      };
      for (const file of files) {
        progress(`replaying ${file}`);
        figures[file.split('.')[0] ?? file] = await measure(join(directory, file), assembly);
      }
      return figures;
    } finally {
      rmSync(outdir, { recursive: true, force: true });
    }
  },
};
