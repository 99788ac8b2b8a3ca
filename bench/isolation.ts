/**
 * Whether the caches keep users apart: a million generated requests of many users through
 * `ResponseCache`, and as many through `QueryCache` and `SemanticCache`. The tests run the same
 * generators with fewer requests.
 */
import type { Isolation } from '../test/runtime/isolation';
import { isolationOfQueries } from '../test/runtime/query-cache/isolation';
import { isolationOfResponses } from '../test/runtime/responses/isolation';
import { isolationOfQuestions } from '../test/runtime/semantic/isolation';
import { type Benchmark, type Figures, rounded } from './benchmark';

const SUBJECTS = {
  responses: isolationOfResponses,
  queries: isolationOfQueries,
  questions: isolationOfQuestions,
} as const;

/** A cache that hits less often keeps users apart because it caches nothing. */
const MIN_HIT_PERCENT = 25;

/** @throws Error if an answer reached another user, or if too few came from the cache */
function judged(
  name: string,
  { requests, hits, bypasses, leaks, examples }: Isolation,
): Figures[string] {
  const hitPercent = rounded((hits * 100) / requests);
  if (leaks > 0)
    throw new Error(`${name}: ${leaks} leaks in ${requests} requests.\n${examples.join('\n\n')}`);
  if (hitPercent < MIN_HIT_PERCENT)
    throw new Error(`${name}: ${hitPercent} % of ${requests} requests hit, which shows nothing.`);
  return { requests, hits, hitPercent, bypasses, leaks };
}

export const isolationBenchmark: Benchmark = {
  name: 'isolation',
  about:
    'generated requests of many users: none gets an answer of another; ' +
    'ISOCHRONE_REQUESTS (1,000,000) and ISOCHRONE_SEED (1) change them',

  async run(progress): Promise<Figures> {
    const requests = Number(process.env.ISOCHRONE_REQUESTS ?? 1_000_000);
    const seed = Number(process.env.ISOCHRONE_SEED ?? 1);
    const figures: Record<string, Figures[string]> = {};
    for (const [name, isolation] of Object.entries(SUBJECTS)) {
      const found = await isolation(seed, requests, (sent) => {
        if (sent % 100_000 === 0) progress(`${name}: ${sent} requests`);
      });
      figures[name] = judged(name, found);
    }
    return figures;
  },
};
