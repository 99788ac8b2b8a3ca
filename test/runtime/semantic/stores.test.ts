import * as fc from 'fast-check';
import {
  MemorySemanticStore,
  SemanticCache,
  type SemanticEntry,
  semanticStoreFor,
  TfIdfEmbedder,
  ValkeySemanticStore,
} from '../../../lib/runtime/semantic';
import { escapeTag, vectorBytes } from '../../../lib/runtime/semantic/valkey-store';

type Argument = string | number | Buffer;

/** The fields that are read back, in the order in which the store asks for them. */
const FIELDS = ['question', 'signature', 'answer', 'generation', 'expiresAt'];

const entry = (overrides: Partial<SemanticEntry> = {}): SemanticEntry => ({
  scope: 'a1',
  key: 'k1',
  question: 'What is inflation?',
  signature: 's1',
  vector: Float32Array.of(1, 0),
  answer: '"A rise."',
  generation: 'g1',
  expiresAt: 2_000_000_000_000,
  ...overrides,
});

describe('MemorySemanticStore', () => {
  test('finds the nearest of a signature, and the closest of the scope', async () => {
    const store = new MemorySemanticStore();
    await store.put(entry({ key: 'far', vector: Float32Array.of(0, 1) }));
    await store.put(entry({ key: 'near', vector: Float32Array.of(0.6, 0.8) }));
    await store.put(entry({ key: 'other', signature: 's2' }));
    await store.put(entry({ key: 'foreign', scope: 'b2' }));
    const vector = Float32Array.of(1, 0);
    expect(
      (await store.nearest('a1', vector, 's1')).map((one) => [one.entry.key, one.score.toFixed(1)]),
    ).toEqual([
      ['near', '0.6'],
      ['far', '0.0'],
    ]);
    expect((await store.closest('a1', vector))?.entry.key).toBe('other');
    expect(await store.closest('c3', vector)).toBeUndefined();
    await store.remove('a1', 'other');
    expect((await store.closest('a1', vector))?.entry.key).toBe('near');
  });

  test('removes the least recently used entry above maxEntries', async () => {
    const store = new MemorySemanticStore({ maxEntries: 2 });
    for (const key of ['one', 'two']) await store.put(entry({ key }));
    await store.exact('a1', 'one');
    await store.put(entry({ key: 'three' }));
    expect(await store.exact('a1', 'two')).toBeUndefined();
    expect(await store.exact('a1', 'one')).toBeDefined();
    expect(store.size).toBe(2);
  });

  test('removes entries above maxBytes, and counts a replaced entry once', async () => {
    const store = new MemorySemanticStore({ maxBytes: 3000 });
    for (let turn = 0; turn < 50; turn++) await store.put(entry({ answer: 'x'.repeat(1000) }));
    expect(store.size).toBe(1);
    await store.put(entry({ key: 'k2', answer: 'x'.repeat(1000) }));
    expect(store.size).toBe(1);
    await store.put(entry({ key: 'k3', answer: 'x'.repeat(5000) }));
    expect(await store.exact('a1', 'k3')).toBeUndefined();
  });

  test('has a generation for each corpus, and never repeats one', async () => {
    const store = new MemorySemanticStore();
    const first = await store.generation('c1');
    expect(await store.generation('c1')).toBe(first);
    const other = await store.generation('c2');
    await store.invalidate('c1');
    expect(await store.generation('c1')).not.toBe(first);
    expect(await store.generation('c2')).toBe(other);
  });

  test('refuses limits below 1', () => {
    expect(() => new MemorySemanticStore({ maxEntries: 0 })).toThrow('must be at least 1');
    expect(() => new MemorySemanticStore({ maxBytes: Number.NaN })).toThrow('must be at least 1');
    expect(() => new MemorySemanticStore({ maxEntries: 1, maxBytes: 1 })).not.toThrow();
  });
});

/**
 * A server with vector search that replies as the documentation of valkey-search describes. It
 * filters and sorts as documented, and refuses any other command.
 */
class RecordedValkey {
  public readonly calls: Argument[][] = [];
  public readonly hashes = new Map<string, Map<string, Argument>>();
  public readonly strings = new Map<string, string>();
  public readonly indexes: string[] = [];

  public async call(command: string, ...args: Argument[]): Promise<unknown> {
    this.calls.push([command, ...args]);
    const [first = ''] = args.map(String);
    switch (command) {
      case 'FT._LIST':
        return [...this.indexes];
      case 'FT.CREATE':
        if (this.indexes.includes(first))
          throw new Error(`Index: with name '${first}' in database 0 already exists.`);
        this.indexes.push(first);
        return 'OK';
      case 'HSET': {
        const hash = this.hashes.get(first) ?? new Map<string, Argument>();
        for (let at = 1; at < args.length; at += 2)
          hash.set(String(args[at]), args[at + 1] as Argument);
        this.hashes.set(first, hash);
        return hash.size;
      }
      case 'HMGET':
        return args.slice(1).map((field) => this.hashes.get(first)?.get(String(field)) ?? null);
      case 'PEXPIREAT':
        return 1;
      case 'UNLINK':
        return this.hashes.delete(first) ? 1 : 0;
      case 'GET':
      case 'GETEX':
        return this.strings.get(first) ?? null;
      case 'SET':
        if (args.includes('NX') && this.strings.has(first)) return null;
        this.strings.set(first, String(args[1]));
        return 'OK';
      case 'FT.SEARCH':
        return this.search(args);
      default:
        throw new Error(`ERR unknown command '${command}'`);
    }
  }

  private search(args: Argument[]): unknown[] {
    const [filter = '', knn = ''] = String(args[1]).split('=>');
    const wanted = [...filter.matchAll(/@(\w+):\{((?:\\.|[^}])*)\}/g)].map(
      ([, field, tag]) => [field ?? '', (tag ?? '').replace(/\\(.)/g, '$1')] as const,
    );
    const query = args[args.indexOf('vector') + 1] as Buffer;
    const count = Number(/KNN (\d+) /.exec(knn)?.[1]);
    const found = [...this.hashes]
      .filter(
        ([, hash]) => hash.has('vector') && wanted.every(([field, tag]) => hash.get(field) === tag),
      )
      .map(([key, hash]) => ({
        key,
        hash,
        distance: cosineDistance(query, hash.get('vector') as Buffer),
      }))
      .sort((one, other) => other.distance - one.distance)
      .slice(-count);
    return [
      found.length,
      ...found.flatMap(({ key, hash, distance }) => [
        key,
        ['distance', distance.toFixed(10), ...FIELDS.flatMap((field) => [field, hash.get(field)])],
      ]),
    ];
  }
}

function cosineDistance(one: Buffer, other: Buffer): number {
  let sum = 0;
  for (let at = 0; at < one.length; at += 4) sum += one.readFloatLE(at) * other.readFloatLE(at);
  return 1 - sum;
}

describe('ValkeySemanticStore', () => {
  test('creates its index once, writes hashes, searches within scope and signature', async () => {
    const commands = new RecordedValkey();
    const store = new ValkeySemanticStore({ commands, dimensions: 2 });
    await store.put(entry());
    await store.nearest('a1', Float32Array.of(1, 0), 's1');
    await store.closest('a1', Float32Array.of(0, -1));
    const search = (filter: string, vector: string, count: number) => [
      ...['FT.SEARCH', 'semantic:2:', `${filter}=>[KNN ${count} @vector $vector AS distance]`],
      ...['PARAMS', 2, 'vector', Buffer.from(vector, 'hex')],
      ...['RETURN', 6, ...FIELDS, 'distance', 'LIMIT', 0, count, 'DIALECT', 2],
    ];
    expect(commands.calls).toEqual([
      [
        ...['HSET', 'semantic:2:a1:k1', 'scope', 'a1', 'question', 'What is inflation?'],
        ...['answer', '"A rise."', 'generation', 'g1', 'expiresAt', '2000000000000'],
        ...['signature', 's1', 'vector', Buffer.from('0000803f00000000', 'hex')],
      ],
      ['PEXPIREAT', 'semantic:2:a1:k1', 2_000_000_000_000],
      ['FT._LIST'],
      [
        ...['FT.CREATE', 'semantic:2:', 'ON', 'HASH', 'PREFIX', 1, 'semantic:2:'],
        ...['SCHEMA', 'scope', 'TAG', 'signature', 'TAG', 'vector', 'VECTOR', 'HNSW', 6],
        ...['TYPE', 'FLOAT32', 'DIM', 2, 'DISTANCE_METRIC', 'COSINE'],
      ],
      search('@scope:{a1} @signature:{s1}', '0000803f00000000', 4),
      search('@scope:{a1}', '00000000000080bf', 1),
    ]);
  });

  test('reads the documented reply of FT.SEARCH with fields in any order, best first', async () => {
    const fields = (question: string, distance: string) => [
      'distance',
      distance,
      'answer',
      '"A"',
      'question',
      question,
      'expiresAt',
      '5',
      'generation',
      'g',
    ];
    const reply = [
      3,
      'semantic:2:a1:k1',
      fields('far', '0.4'),
      'semantic:2:a1:k2',
      fields('near', '0.0399999953806'),
      'semantic:2:b2:k3',
      fields('foreign', '0'),
    ];
    const commands = {
      call: async (command: string) => (command === 'FT.SEARCH' ? reply : ['semantic:2:']),
    };
    const found = await new ValkeySemanticStore({ commands, dimensions: 2 }).nearest(
      'a1',
      Float32Array.of(1, 0),
      's1',
    );
    expect(
      found.map(({ entry: { key, question }, score }) => [key, question, score.toFixed(2)]),
    ).toEqual([
      ['k2', 'near', '0.96'],
      ['k1', 'far', '0.60'],
    ]);
  });

  test.each([
    [null],
    [[0]],
    [[1, 'semantic:2:a1:k1']],
    [[1, 'semantic:2:a1:k1', ['distance', 'x']]],
    [[1, 'semantic:2:a1:k1', ['distance', '0', 'answer', '"A"']]],
  ])('finds no candidate in the reply %j', async (reply) => {
    const commands = { call: async (command: string) => (command === 'FT.SEARCH' ? reply : []) };
    const store = new ValkeySemanticStore({ commands, dimensions: 2 });
    expect(await store.nearest('a1', Float32Array.of(1, 0), 's1')).toEqual([]);
    expect(await store.closest('a1', Float32Array.of(1, 0))).toBeUndefined();
  });

  test('retries to create the index after a failure, and accepts "already exists"', async () => {
    let failures = 1;
    const commands = {
      call: async (command: string) => {
        if (command === 'FT._LIST' && failures-- > 0) throw new Error('LOADING');
        if (command === 'FT.CREATE')
          throw new Error("Index: with name 'semantic:2:' in database 0 already exists.");
        return command === 'FT.SEARCH' ? [0] : [];
      },
    };
    const store = new ValkeySemanticStore({ commands, dimensions: 2 });
    await expect(store.closest('a1', Float32Array.of(1, 0))).rejects.toThrow('LOADING');
    expect(await store.closest('a1', Float32Array.of(1, 0))).toBeUndefined();
  });

  test('refuses vectors of another length', async () => {
    const store = new ValkeySemanticStore({ commands: new RecordedValkey(), dimensions: 2 });
    await expect(store.closest('a1', Float32Array.of(1))).rejects.toThrow('vectors of 2 numbers');
  });

  test('shares a cache between two processes', async () => {
    const commands = new RecordedValkey();
    const embedder = new TfIdfEmbedder();
    const scope = { tenant: 'acme', model: 'm1', corpusVersion: 'v1' };
    const [one, two] = [0, 1].map(
      () =>
        new SemanticCache({
          embedder,
          store: new ValkeySemanticStore({ commands, dimensions: embedder.dimensions }),
        }),
    ) as [SemanticCache, SemanticCache];
    expect(await one.store('How do I convert USD to EUR?', 'So.', scope)).toBe(true);
    expect((await two.lookup('how do I convert USD to EUR', scope)).outcome).toEqual({
      kind: 'exact',
    });
    expect((await two.lookup('How can I convert from USD to EUR?', scope)).outcome).toMatchObject({
      kind: 'similar',
    });
    expect((await two.lookup('How do I convert EUR to USD?', scope)).outcome).toMatchObject({
      kind: 'miss',
      guard: 'order',
    });
    expect(
      (await two.lookup('How do I convert USD to EUR?', { ...scope, tenant: 'globex' })).found,
    ).toBe(false);
    expect(await two.invalidateCorpus(scope)).toEqual({ reached: true });
    expect((await one.lookup('How do I convert USD to EUR?', scope)).found).toBe(false);
    await one.close();
    expect(commands.hashes.size).toBe(0);
  });

  test('is chosen if the server has vector search', async () => {
    expect(
      await semanticStoreFor({ commands: new RecordedValkey(), dimensions: 2 }),
    ).toBeInstanceOf(ValkeySemanticStore);
    const plain = {
      call: async (command: string) =>
        Promise.reject(new Error(`ERR unknown command '${command}'`)),
    };
    expect(await semanticStoreFor({ commands: plain, dimensions: 2 })).toBeInstanceOf(
      MemorySemanticStore,
    );
  });

  test.each([
    [{ dimensions: 0 }, 'dimensions must be'],
    [{ dimensions: 32_769 }, 'dimensions must be'],
    [{ dimensions: 2, namespace: 'a{b}' }, 'namespace must be'],
  ])('%j is refused', (options, message) => {
    expect(() => new ValkeySemanticStore({ commands: new RecordedValkey(), ...options })).toThrow(
      message,
    );
  });

  test('escapes the syntax of a TAG filter', () => {
    expect(escapeTag('acme-corp, v1.0|{x} @y*')).toBe(
      'acme\\-corp\\,\\ v1\\.0\\|\\{x\\}\\ \\@y\\*',
    );
    expect(escapeTag('a1_B')).toBe('a1_B');
  });

  test('writes vectors in little-endian order', () => {
    expect(vectorBytes(Float32Array.of(1, -2)).toString('hex')).toBe('0000803f000000c0');
  });
});

describe('what somebody else wrote to the server', () => {
  const store = (reply: (command: string) => unknown) => {
    const removed: unknown[] = [];
    const commands = {
      call: async (command: string, ...args: readonly unknown[]) => {
        if (command === 'UNLINK') removed.push(args[0]);
        return reply(command);
      },
    };
    return { store: new ValkeySemanticStore({ commands, dimensions: 2 }), removed };
  };
  const vector = Float32Array.of(1, 0);
  const fields = (overrides: Record<string, unknown>) =>
    Object.entries({
      ...{ question: 'q', answer: '1', generation: 'g', expiresAt: '2000000000000', distance: '0' },
      ...overrides,
    }).flat();

  test('any reply is an answer of the right form or none', async () => {
    await fc.assert(
      fc.asyncProperty(fc.anything(), fc.array(fc.anything()), async (one, many) => {
        for (const reply of [one, many, [1, 'semantic:2:s:k', many]]) {
          const { store: forged } = store((command) => (command === 'FT._LIST' ? [] : reply));
          for (const candidate of await forged.nearest('s', vector, 'g'))
            expect(Math.abs(candidate.score)).toBeLessThanOrEqual(1.001);
          const found = await forged.exact('s', 'k');
          if (found !== undefined) expect(typeof found.answer).toBe('string');
        }
      }),
    );
  });

  test.each([
    ['no distance', { distance: null }],
    ['an empty distance', { distance: '' }],
    ['a distance that is not a number', { distance: 'NaN' }],
    ['a score above 1', { distance: '-5' }],
    ['a score below -1', { distance: '1e300' }],
    ['an end without end', { expiresAt: 'Infinity' }],
    ['an end beyond all dates', { expiresAt: '1e308' }],
    ['an end before all dates', { expiresAt: '-1' }],
    ['an answer that is not text', { answer: 7 }],
  ])('a candidate with %s is none', async (_, overrides) => {
    const found = async (given: Record<string, unknown>) => {
      const reply = [1, 'semantic:2:s:k', fields(given)];
      const { store: forged } = store((command) => (command === 'FT.SEARCH' ? reply : []));
      return forged.nearest('s', vector, 'g');
    };
    expect(await found({})).toHaveLength(1);
    expect(await found(overrides)).toEqual([]);
  });

  test('more candidates than were asked for are left out', async () => {
    const reply = [
      1e6,
      ...Array(1000)
        .fill(['semantic:2:s:k', fields({})])
        .flat(),
    ];
    const { store: forged } = store((command) => (command === 'FT.SEARCH' ? reply : []));
    expect((await forged.nearest('s', vector, 'g')).length).toBeLessThan(100);
    expect(await forged.closest('s', vector)).toBeDefined();
  });

  test('a value of another type is removed, and another error is told', async () => {
    let known: string | null = null;
    const { store: forged, removed } = store((command) => {
      if (command === 'HMGET' || command === 'GETEX')
        throw new Error('WRONGTYPE Operation against a key holding the wrong kind of value');
      if (command === 'SET') known = 'made';
      return known;
    });
    expect(await forged.exact('s', 'k')).toBeUndefined();
    expect(await forged.generation('prices')).toBe('made');
    expect(removed).toEqual(['semantic:2:s:k', 'semantic:corpus:prices']);
    const { store: down } = store(() => {
      throw new Error('CLUSTERDOWN');
    });
    await expect(down.exact('s', 'k')).rejects.toThrow('CLUSTERDOWN');
  });
});
