/**
 * A server on which somebody else writes: whatever it answers, a caller gets the value of its
 * loader, or one that the cache has stored, in bounded time.
 */
import fc from 'fast-check';
import { type CacheServer, type CacheStrategy, TieredCache } from '../../../lib/runtime';
import { MemoryCacheServer } from './memory-cache-server';

const PLAIN: CacheStrategy = { prefix: '', ttlSeconds: 60, serializer: 'json', compress: false };

/** Versions, tokens and counts as they can stand in a text on the server. */
const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('', '0', '-1', 'NaN', '1e999', '9007199254740993', '__proto__', 'v1'),
  fc.string({ minLength: 5000, maxLength: 5000 }),
);

/** Answers with forged versions and bytes; writes and removals reach the real store. */
class ForgingServer extends MemoryCacheServer {
  public forged: {
    readonly bytes: (stored: Buffer | null) => Buffer | null;
    readonly version: string | null;
    readonly locked: boolean;
    readonly acquires: 'taken' | 'unavailable' | 'lock';
  } = { bytes: (stored) => stored, version: 'v1', locked: false, acquires: 'lock' };

  public override async read(...args: Parameters<CacheServer['read']>) {
    const answer = await super.read(...args);
    if (answer.status === 'unavailable') return answer;
    const { bytes, version, locked } = this.forged;
    return {
      status: 'answered' as const,
      bytes: bytes(answer.bytes),
      tagVersions: args[1].map(() => version),
      locked: args[2]?.lock === true && locked,
    };
  }

  public override async acquire(key: string) {
    const { acquires } = this.forged;
    return acquires === 'lock' ? super.acquire(key) : acquires;
  }
}

/** Changes some bytes of an entry, or replaces it. */
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 100 }).map((forged) => () => Buffer.from(forged)),
  fc
    .array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 3 })
    .map((changes) => (stored: Buffer | null) => {
      if (stored === null) return null;
      const changed = Buffer.from(stored);
      for (const [at, byte] of changes) changed[at % changed.length] = byte;
      return changed;
    }),
  fc.constant((stored: Buffer | null) => stored),
);

test('forged bytes, versions of tags and locks cost a load at most', async () => {
  await fc.assert(
    fc.asyncProperty(
      bytes,
      fc.option(text),
      fc.boolean(),
      fc.constantFrom('taken' as const, 'unavailable' as const, 'lock' as const),
      fc.array(text, { maxLength: 3 }),
      async (forgedBytes, version, locked, acquires, tags) => {
        const server = new ForgingServer();
        const options = { strategy: PLAIN, memoryEntries: 0, lockWaitMs: 20 };
        const cache = new TieredCache({ ...options, server });
        await cache.set('k', { of: 'k' }, { tags });
        server.forged = { bytes: forgedBytes, version, locked, acquires };
        const loaded = await cache.getOrLoad('k', () => ({ of: 'loader' }), { tags });
        expect(['k', 'loader']).toContain((loaded as { of: string }).of);
        const found = await cache.get<{ of: string }>('k', { tags });
        if (found.found) expect(['k', 'loader']).toContain(found.value.of);
        expect(await cache.invalidateTags(...tags)).toEqual({ reached: true });
        await cache.close();
      },
    ),
    { numRuns: 500 },
  );
}, 60_000);

test('an entry is not served under a version that somebody else gave its tag', async () => {
  await fc.assert(
    fc.asyncProperty(fc.option(text), async (version) => {
      const server = new ForgingServer();
      const cache = new TieredCache({ strategy: PLAIN, memoryEntries: 0, lockWaitMs: 20, server });
      await cache.set('k', 'stored', { tags: ['t'] });
      const own = server.store.tags.get('t');
      server.forged = { ...server.forged, version };
      const loaded = await cache.getOrLoad('k', () => 'loaded', { tags: ['t'] });
      expect(loaded).toBe(version === own ? 'stored' : 'loaded');
      await cache.close();
    }),
  );
});
