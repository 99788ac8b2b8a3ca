/**
 * Compares the tiered cache with other caches: one redis-server on the loopback interface, objects
 * of 1 KB, and rounds in turn, so that other load on the machine affects all caches alike. Each
 * cache has a process of its own, as in an application: together, they would share a heap and the
 * engine's guesses about types. The server has a core of its own, and the clients share another.
 * Hits in memory are awaited one after the other. bentocache copies each value through JSON, ours
 * is frozen, and the others return the stored object.
 *
 * The measured code is compiled first, as consumers use it: tsx keeps the names of functions, which
 * slows down each closure.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import type { Benchmark, Figures } from '../benchmark';

const ROOT = join(__dirname, '../..');

export const cacheBenchmark: Benchmark = {
  name: 'cache',
  about: 'hits per second, tag invalidation and stampedes, beside other caches and the bare client',
  async run(progress): Promise<Figures> {
    // Inside the project, so that its packages are found.
    mkdirSync(join(ROOT, 'dist'), { recursive: true });
    const folder = mkdtempSync(join(ROOT, 'dist', 'bench-'));
    try {
      const entryPoints = ['measures', 'stampede', 'subject-process'].map((name) =>
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
      const { measure } = require(join(folder, 'measures.js')) as typeof import('./measures');
      return await measure(folder, progress);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};
