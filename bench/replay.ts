/**
 * The speed of a replay: three access logs through the model of a distribution, against a bare LRU
 * cache of their URLs in the same run.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { type Assembly, readAssembly } from '../lib/tools/assembly/assembly';
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
  const rounds: { report: ReplayReport; own: number; bare: number }[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    // Interleaved, so that a slow moment of the machine affects both.
    const bare = await speed(() => bareLru(file));
    let report: ReplayReport | undefined;
    const own = await speed(async () => {
      report = await replay({ assembly, distribution, log: await openLog(file), file });
      return report.log.replayed;
    });
    if (report) rounds.push({ report, own, bare });
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
  };
}

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
      const figures: Record<string, Figures[string]> = {};
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
