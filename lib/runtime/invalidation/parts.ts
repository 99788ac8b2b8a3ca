import type { CacheServer, CacheStrategy } from '../tiered-cache';
import type { EdgeInvalidator } from './edge';
import type { InvalidationTargets } from './rules';

/** Names that one command carries. */
const BATCH = 500;

/** As much of a `TieredCache` as invalidation uses. */
export interface InvalidationCache {
  invalidateTags(...tags: readonly string[]): Promise<{ readonly reached: boolean }>;
  delete(
    keys: readonly string[],
    options: { readonly strategy: CacheStrategy },
  ): Promise<{ readonly reached: boolean }>;
}

/** What became of one tag, pattern or path. */
export interface InvalidationPart {
  readonly kind: 'tag' | 'pattern' | 'edge-path';
  /** The tag, pattern or path, with the event's fields in it. */
  readonly value: string;
  /**
   * `reached`: done. `deferred`: done in this process, and kept by the cache until its server is
   * back. `failed`: not done, or not to its end, and kept by nobody: the event must come again.
   */
  readonly status: 'reached' | 'deferred' | 'failed';
  /** How many keys a pattern has ended. */
  readonly keys?: number;
  /** Why it failed. */
  readonly error?: string;
}

export interface InvalidationTiers {
  readonly cache: InvalidationCache;
  readonly server?: Pick<CacheServer, 'scan'>;
  readonly edge?: EdgeInvalidator;
}

/** Keys of the server have the prefix of their strategy already. */
const AS_IT_STANDS: CacheStrategy = Object.freeze({
  prefix: '',
  ttlSeconds: 1,
  serializer: 'json',
  compress: false,
});

/**
 * Acts on targets: all three tiers at once, and none of them can keep the others from it. It never
 * rejects.
 */
export async function endTargets(
  targets: InvalidationTargets,
  tiers: InvalidationTiers,
  reference: string,
): Promise<InvalidationPart[]> {
  const parts = await Promise.all([
    endTags(targets.tags, tiers.cache),
    endPatterns(targets.patterns, tiers),
    endPaths(targets.edgePaths, tiers.edge, reference),
  ]);
  return parts.flat();
}

async function endTags(
  tags: readonly string[],
  cache: InvalidationCache,
): Promise<InvalidationPart[]> {
  const parts = chunks(tags).map(async (some): Promise<InvalidationPart[]> => {
    const outcome = await attempt(() => cache.invalidateTags(...some));
    return some.map((value) => ({
      kind: 'tag',
      value,
      ...('error' in outcome ? outcome : { status: statusOf(outcome.answer.reached) }),
    }));
  });
  return (await Promise.all(parts)).flat();
}

/** One walk after the other: each is over the whole server. */
async function endPatterns(
  patterns: readonly string[],
  { cache, server }: InvalidationTiers,
): Promise<InvalidationPart[]> {
  const parts: InvalidationPart[] = [];
  for (const value of patterns) {
    let keys = 0;
    let reached = true;
    const walk = async () => {
      const toTheEnd = await server?.scan(value, async (page) => {
        for (const some of chunks(page)) {
          const answer = await cache.delete(some, { strategy: AS_IT_STANDS });
          keys += some.length;
          reached &&= answer.reached;
        }
      });
      if (toTheEnd !== true) throw new Error('the server did not answer to the end of the walk');
    };
    const outcome = await attempt(walk);
    parts.push({
      kind: 'pattern',
      value,
      keys,
      ...('error' in outcome ? outcome : { status: statusOf(reached) }),
    });
  }
  return parts;
}

async function endPaths(
  paths: readonly string[],
  edge: EdgeInvalidator | undefined,
  reference: string,
): Promise<InvalidationPart[]> {
  if (paths.length === 0 || edge === undefined) return [];
  const outcome = await attempt(() => edge.invalidate(paths, reference));
  return paths.map((value): InvalidationPart => {
    if ('error' in outcome) return { kind: 'edge-path', value, ...outcome };
    const answer = outcome.answer.find(({ path }) => path === value);
    const error = answer === undefined ? 'the edge said nothing about it' : answer.error;
    return error === undefined
      ? { kind: 'edge-path', value, status: 'reached' }
      : { kind: 'edge-path', value, status: 'failed', error };
  });
}

function statusOf(reached: boolean): 'reached' | 'deferred' {
  return reached ? 'reached' : 'deferred';
}

async function attempt<T>(
  act: () => Promise<T>,
): Promise<{ readonly answer: T } | { readonly status: 'failed'; readonly error: string }> {
  try {
    return { answer: await act() };
  } catch (error) {
    return { status: 'failed', error: error instanceof Error ? error.message : String(error) };
  }
}

function chunks(list: readonly string[]): string[][] {
  return Array.from({ length: Math.ceil(list.length / BATCH) }, (_, i) =>
    list.slice(i * BATCH, (i + 1) * BATCH),
  );
}
