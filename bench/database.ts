/** All figures of the data tier in one run: the pooler, the segments and the queries, in turn. */
import type { Benchmark, Figures } from './benchmark';
import { migrationsBenchmark } from './migrations';
import { poolingBenchmark } from './pooling';
import { segmentsBenchmark } from './segments';

export const databaseBenchmark: Benchmark = {
  name: 'database',
  about: 'pooling, segments and migrations in one run',
  async run(progress): Promise<Figures> {
    const figures: Record<string, Figures[string]> = {};
    for (const { name, run } of [poolingBenchmark, segmentsBenchmark, migrationsBenchmark]) {
      Object.assign(figures, await run((message) => progress(`${name}: ${message}`)));
    }
    return figures;
  },
};
