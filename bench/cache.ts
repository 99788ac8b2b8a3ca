/**
 * The tiered cache beside its peers: one redis-server on the loopback, objects of 1 KB, and rounds
 * in turn, so that what else the machine does hits all alike. Clients and server share its cores.
 * Hits in memory are awaited one after the other; bentocache copies each through JSON and ours is
 * frozen, the others hand out what they hold.
 *
 * What is measured is compiled first, as consumers have it: tsx keeps the names of functions, at a
 * price for each closure.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import type { Benchmark, Figures } from './benchmark';

const ROOT = join(__dirname, '..');

export const cacheBenchmark: Benchmark = {
  name: 'cache',
  about:
    'hits per second from memory and from Redis, invalidation of a tag and loads of a stampede, beside other caches and the bare client',
  async run(progress): Promise<Figures> {
    // Inside of the project, where the packages are found.
    mkdirSync(join(ROOT, 'dist'), { recursive: true });
    const folder = mkdtempSync(join(ROOT, 'dist', 'bench-'));
    try {
      const entryPoints = ['cache-measures', 'cache-stampede'].map((name) =>
        join(__dirname, `${name}.ts`),
      );
      buildSync({
        entryPoints,
        outdir: folder,
        bundle: true,
        packages: 'external',
        platform: 'node',
        target: 'node20',
      });
      const { measure } = require(
        join(folder, 'cache-measures.js'),
      ) as typeof import('./cache-measures');
      return await measure(folder, progress);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};
