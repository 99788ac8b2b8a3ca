import type { CacheServer, CacheStrategy } from '../tiered-cache';
import type { EdgeInvalidator } from './edge';
import type { InvalidationTargets } from './rules';

/** Names in one command. */
const BATCH_SIZE = 500;

/** The part of a `TieredCache` that invalidation uses. */
export interface InvalidationCache {
  invalidateTags(...tags: readonly string[]): Promise<{ readonly reached: boolean }>;
  delete(
    keys: readonly string[],
    options: { readonly strategy: CacheStrategy },
  ): Promise<{ readonly reached: boolean }>;
}

/** The outcome for one tag, pattern or path. */
export interface InvalidationPart {
  readonly kind: 'tag' | 'pattern' | 'edge-path';
  /** The tag, pattern or path, with the event's fields filled in. */
  readonly value: string;
  /**
   * `reached`: done. `deferred`: done in this process; the cache repeats it when its server is
   * back. `failed`: not done or incomplete, and not repeated by anything. Send the event again.
   */
  readonly status: 'reached' | 'deferred' | 'failed';
  /** How many keys matched a pattern and were deleted. */
  readonly keys?: number;
  /** Why it failed. */
  readonly error?: string;
}

/** The tiers to invalidate. */
export interface InvalidationTiers {
  readonly cache: InvalidationCache;
  /** @default - patterns fail */
  readonly server?: Pick<CacheServer, 'scan'>;
  /** @default - edge paths are left out */
  readonly edge?: EdgeInvalidator;
}

/** Deletes keys as they are: those of a scan already begin with the prefix of their strategy. */
const WITHOUT_PREFIX: CacheStrategy = Object.freeze({
  prefix: '',
  ttlSeconds: 1,
  serializer: 'json',
  compress: false,
});

/**
 * Invalidates targets in all three tiers at once. A tier that fails does not affect the others.
 * Never rejects.
 */
export async function invalidateTargets(
  targets: InvalidationTargets,
  tiers: InvalidationTiers,
  reference: string,
): Promise<InvalidationPart[]> {
  const parts = await Promise.all([
    invalidateTags(targets.tags, tiers.cache),
    deletePatterns(targets.patterns, tiers),
    invalidatePaths(targets.edgePaths, tiers.edge, reference),
  ]);
  return parts.flat();
}

async function invalidateTags(
  tags: readonly string[],
  cache: InvalidationCache,
): Promise<InvalidationPart[]> {
  const parts = chunks(tags, BATCH_SIZE).map(async (batch): Promise<InvalidationPart[]> => {
    const outcome = await attempt(() => cache.invalidateTags(...batch));
    return batch.map((value) => ({
      kind: 'tag',
      value,
      ...('error' in outcome ? outcome : { status: statusOf(outcome.result.reached) }),
    }));
  });
  return (await Promise.all(parts)).flat();
}

/** Scans for one pattern after the other, because each scan walks the whole server. */
async function deletePatterns(
  patterns: readonly string[],
  { cache, server }: InvalidationTiers,
): Promise<InvalidationPart[]> {
  const parts: InvalidationPart[] = [];
  for (const value of patterns) {
    let keys = 0;
    let reached = true;
    const walk = async () => {
      const isComplete = await server?.scan(value, async (page) => {
        for (const batch of chunks(page, BATCH_SIZE)) {
          const result = await cache.delete(batch, { strategy: WITHOUT_PREFIX });
          keys += batch.length;
          reached &&= result.reached;
        }
      });
      if (isComplete !== true)
        throw new Error('the server stopped answering before the scan was complete');
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

async function invalidatePaths(
  paths: readonly string[],
  edge: EdgeInvalidator | undefined,
  reference: string,
): Promise<InvalidationPart[]> {
  if (paths.length === 0 || edge === undefined) return [];
  const outcome = await attempt(() => edge.invalidate(paths, reference));
  return paths.map((value): InvalidationPart => {
    if ('error' in outcome) return { kind: 'edge-path', value, ...outcome };
    const found = outcome.result.find(({ path }) => path === value);
    const error = found === undefined ? 'the edge returned no outcome for it' : found.error;
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
): Promise<{ readonly result: T } | { readonly status: 'failed'; readonly error: string }> {
  try {
    return { result: await act() };
  } catch (error) {
    return { status: 'failed', error: error instanceof Error ? error.message : String(error) };
  }
}

/** Divides a list into lists of at most `size` elements. */
export function chunks(list: readonly string[], size: number): string[][] {
  return Array.from({ length: Math.ceil(list.length / size) }, (_, i) =>
    list.slice(i * size, (i + 1) * size),
  );
}
