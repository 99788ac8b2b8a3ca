/**
 * All figures of the data tier from one run on servers of its own: the queries, the segments and
 * the pooler, one after the other.
 */
import type { Benchmark, Figures } from './benchmark';
import { migrationsBenchmark } from './migrations';
import { poolingBenchmark } from './pooling';
import { segmentsBenchmark } from './segments';

export const databaseBenchmark: Benchmark = {
  name: 'database',
  about:
    'migrations, segments and pooling in one run: speed-ups of queries, sizes and times of segments, and what the pooler gains and opens',
  async run(progress): Promise<Figures> {
    const figures: Record<string, Figures[string]> = {};
    for (const { name, run } of [poolingBenchmark, segmentsBenchmark, migrationsBenchmark]) {
      Object.assign(figures, await run((message) => progress(`${name}: ${message}`)));
    }
    return figures;
  },
};
