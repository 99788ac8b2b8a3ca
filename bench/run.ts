/**
 * Runs a benchmark: `npm run bench -- NAME` for people, `npm run -s bench -- NAME --json` for
 * programs.
 */
import { parseArgs } from 'node:util';
import type { Benchmark, Figures } from './benchmark';
import { cacheBenchmark } from './cache';
import { cacheTestsBenchmark } from './cache-tests';
import { databaseBenchmark } from './database';
import { edgeBenchmark } from './edge';
import { importsBenchmark } from './imports';
import { migrationsBenchmark } from './migrations';
import { poolingBenchmark } from './pooling';
import { replayBenchmark } from './replay';
import { segmentsBenchmark } from './segments';
import { sqlBenchmark } from './sql';
import { synthBenchmark } from './synth';

const BENCHMARKS: readonly Benchmark[] = [
  synthBenchmark,
  importsBenchmark,
  edgeBenchmark,
  replayBenchmark,
  cacheTestsBenchmark,
  cacheBenchmark,
  sqlBenchmark,
  migrationsBenchmark,
  segmentsBenchmark,
  poolingBenchmark,
  databaseBenchmark,
];

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: {
      json: { type: 'boolean', default: false },
      traces: { type: 'string' },
      'cache-tests': { type: 'string' },
      'sql-files': { type: 'string' },
    },
    allowPositionals: true,
  });
  // Benchmarks read their settings from the environment, which the options set.
  if (values.traces !== undefined) process.env.ISOCHRONE_TRACES = values.traces;
  if (values['cache-tests'] !== undefined)
    process.env.ISOCHRONE_CACHE_TESTS = values['cache-tests'];
  if (values['sql-files'] !== undefined) process.env.ISOCHRONE_SQL_FILES = values['sql-files'];
  const benchmark = BENCHMARKS.find(({ name }) => name === positionals[0]);
  if (!benchmark || positionals.length !== 1) {
    console.error(
      'npm run bench -- NAME [--json] [--traces DIR] [--cache-tests DIR] [--sql-files DIR],\n' +
        'where NAME is one of:\n' +
        BENCHMARKS.map(({ name, about }) => `  ${name}  ${about}`).join('\n'),
    );
    return 2;
  }
  const figures = await benchmark.run(
    values.json ? () => undefined : (message) => console.error(message),
  );
  console.log(values.json ? JSON.stringify(figures) : table(figures));
  return 0;
}

function table(figures: Figures): string {
  const rows = Object.entries(figures).flatMap(([name, figure]): [string, number][] =>
    typeof figure === 'number'
      ? [[name, figure]]
      : Object.entries(figure).map(([part, value]) => [`${name} ${part}`, value]),
  );
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n');
}

main().then(
  (exitCode) => {
    process.exitCode = exitCode;
  },
  (error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  },
);
