/** What replaying costs: three access logs through the model of a distribution, against a bare LRU over their URLs in the same run. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { type Assembly, readAssembly } from '../lib/assembly';
import { openLog } from '../lib/simulation/log-reader';
import { readDistribution } from '../lib/simulation/read-distribution';
import { replay } from '../lib/simulation/replay';
import { type Benchmark, type Figures, rounded } from './benchmark';
import { TRACE_FILES } from './edge-traces';
import { synthesizeReplayed } from './replay-assembly';

const ROOT = join(__dirname, '..');

/** Objects that the yardstick holds. */
const LRU_OBJECTS = 10_000;

/** The yardstick: reads the same log, and keeps the URLs in a Map. It knows no time, no place, no function and one capacity. */
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

async function perSecond(run: () => Promise<number>): Promise<number> {
  const start = performance.now();
  const requests = await run();
  return (requests * 1000) / (performance.now() - start);
}

async function measure(file: string, assembly: Assembly): Promise<Figures[string]> {
  const distribution = readDistribution(assembly);
  const bare = await perSecond(() => bareLru(file));
  const log = await openLog(file);
  const start = performance.now();
  const report = await replay({ assembly, distribution, log, file });
  const own = (report.log.replayed * 1000) / (performance.now() - start);
  const [splitter] = report.keySplitters;
  return {
    lines: report.log.lines,
    replayed: report.log.replayed,
    broken: report.log.broken,
    rawUrlCeilingPercent: rounded(report.ceiling.rawUrlHitPercent),
    keyCeilingPercent: rounded(report.ceiling.keyHitPercent),
    ...(splitter && { [`firstSplitter ${splitter.kind} ${splitter.name}`]: splitter.hitsLost }),
    requestsPerSecond: rounded(own),
    ratioToBareLru: rounded(own / bare),
  };
}

export const replayBenchmark: Benchmark = {
  name: 'replay',
  about: 'access logs through the model of a distribution: none of their lines lost, what keys cost, and the speed against a bare LRU',

  async run(progress): Promise<Figures> {
    const directory = process.env.ISOCHRONE_TRACES ?? join(ROOT, '..', 'shared', 'traces');
    const files = TRACE_FILES.filter((file) => existsSync(join(directory, file)));
    if (files.length === 0) console.error(`No log found in ${directory}. Name the folder with --traces or ISOCHRONE_TRACES.`);
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
