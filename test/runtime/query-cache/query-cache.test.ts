import type { QueryResult } from 'pg';
import type {
  QueryCacheOptions,
  QueryCacheStore,
  QueryPool,
} from '../../../lib/runtime/query-cache/options';
import { QueryCache } from '../../../lib/runtime/query-cache/query-cache';
import { UnknownOutcomeError } from '../../../lib/runtime/replicas/errors';
import { laterToken, MAX_LSN, writePosition } from '../../../lib/runtime/replicas/token';

/** A store that reads the versions of tags before the load, and misses after an invalidation. */
class Store implements QueryCacheStore {
  public readonly entries = new Map<string, { readonly value: unknown; readonly tags: string }>();
  public readonly invalidated: string[][] = [];
  public ttl: number | undefined;
  private readonly versions = new Map<string, number>();

  public async getOrLoad<T>(
    key: string,
    loader: () => Promise<T>,
    options: Parameters<QueryCacheStore['getOrLoad']>[2],
  ): Promise<T> {
    const tags = JSON.stringify(options.tags.map((tag) => [tag, this.versions.get(tag) ?? 0]));
    this.ttl = options.ttlSeconds ?? options.strategy.ttlSeconds;
    const known = this.entries.get(key);
    if (known?.tags === tags) return known.value as T;
    const value = await loader();
    this.entries.set(key, { value: structuredClone(value), tags });
    return value;
  }

  public async invalidateTags(...tags: string[]): Promise<{ reached: boolean }> {
    this.invalidated.push(tags);
    for (const tag of tags) this.versions.set(tag, (this.versions.get(tag) ?? 0) + 1);
    return { reached: true };
  }
}

const result = (rows: unknown[], more: Partial<QueryResult> = {}): QueryResult => ({
  command: 'SELECT',
  rowCount: rows.length,
  oid: 0,
  fields: [],
  rows,
  ...more,
});

class Pool implements QueryPool {
  public readonly asked: unknown[] = [];
  /** What the catalog says of every function. */
  public functionsMayWrite: boolean | undefined = false;
  public looked = 0;
  public answer: () => QueryResult = () => result([{ n: this.asked.length }]);

  public async query(
    statement: Parameters<QueryPool['query']>[0],
    values?: unknown[],
  ): Promise<QueryResult> {
    if (String(statement).includes('pg_proc')) {
      this.looked += 1;
      if (this.functionsMayWrite === undefined) throw new Error('permission denied for pg_proc');
      return result([{ may_write: this.functionsMayWrite }]);
    }
    this.asked.push([statement, values]);
    return this.answer();
  }
}

const refusal = Object.assign(new Error('duplicate key'), { severity: 'ERROR', code: '23505' });
const lost = Object.assign(new Error('Connection terminated unexpectedly'));

describe('QueryCache', () => {
  let pool: Pool;
  let store: Store;
  const cacheOf = (options: Partial<QueryCacheOptions> = {}) =>
    new QueryCache({ pool, cache: store, database: 'market', ...options });
  beforeEach(() => {
    pool = new Pool();
    store = new Store();
  });

  test('asks the database once a minute for equal queries in any notation', async () => {
    const cache = cacheOf();
    const first = await cache.query('SELECT n FROM ticks WHERE s = $1', ['A']);
    expect(await cache.query('select  n\nfrom Ticks where s = $1 -- again', ['A'])).toEqual(first);
    expect(await cache.query({ text: 'SELECT n FROM ticks WHERE s = $1', values: ['A'] })).toEqual(
      first,
    );
    expect(pool.asked).toHaveLength(1);
    expect(store.ttl).toBe(60);
    await cache.query('SELECT n FROM ticks WHERE s = $1', ['B'], { ttlSeconds: 5 });
    await cache.query({ text: 'SELECT n FROM ticks WHERE s = $1', rowMode: 'array' }, ['A']);
    await cache.query('SELECT n FROM ticks WHERE s = $1', ['A'], { scope: 'tenant-1' });
    expect(pool.asked).toHaveLength(4);
    expect(cache.counts()).toEqual({ cache_query_lookups_total: 6 });
  });

  test('databases and schema versions do not share results', async () => {
    await cacheOf().query('SELECT n FROM ticks');
    await cacheOf({ database: 'other' }).query('SELECT n FROM ticks');
    await cacheOf({ schemaVersion: '2' }).query('SELECT n FROM ticks');
    expect(pool.asked).toHaveLength(3);
  });

  describe('a part of the key that is not what it must be', () => {
    const text = 'SELECT n FROM ticks WHERE s = $1';
    test.each<[string, unknown]>([
      ['a Promise', Promise.resolve('a')],
      ['a Map', new Map([['tenant', 'a']])],
      ['a Set', new Set(['a'])],
      ['an object', { toString: () => 'a' }],
      ['an array', ['a']],
      ['a number', 7],
      ['NaN', Number.NaN],
      ['null', null],
      ['an empty string', ''],
      ['a boxed string', Object('a')],
      ['half a surrogate pair', 'a\ud800'],
    ])('%s as the scope is refused', async (_name, scope) => {
      const cache = cacheOf();
      for (const cached of [undefined, false])
        await expect(
          cache.query(text, ['A'], { scope: scope as string, cache: cached }),
        ).rejects.toThrow('QueryCache: scope must be a string that is not empty');
      expect([pool.asked.length, store.entries.size]).toEqual([0, 0]);
      expect(() => cacheOf({ schemaVersion: scope as string })).toThrow('schemaVersion must be');
      expect(() => cacheOf({ database: scope as string })).toThrow('database must be');
    });

    test('a query without a scope shares its result, unless each query must have one', async () => {
      await cacheOf().query(text, ['A'], { scope: undefined });
      await cacheOf().query(text, ['A']);
      expect(pool.asked).toHaveLength(1);
      const strict = cacheOf({ scope: 'required' });
      for (const options of [{}, { scope: undefined }])
        await expect(strict.query(text, ['A'], options)).rejects.toThrow('scope must be a string');
      await strict.query(text, ['A'], { cache: false });
      await strict.query("UPDATE ticks SET s = 'a'");
      await strict.query(text, ['A'], { scope: 'a' });
      expect(pool.asked).toHaveLength(4);
      expect(() => cacheOf({ scope: 'tenant-1' as never })).toThrow('QueryCache: scope must be');
    });

    test.each<[string, unknown]>([
      ['a Promise (did you forget `await`?)', Promise.resolve('A')],
      ['the type Map', new Map([['s', 'A']])],
      ['the type Set', new Set(['A'])],
      ['the type RegExp', /A/],
      ['the type ArrayBuffer', new ArrayBuffer(2)],
      ['the type Map', [['A', new Map()]]],
      ['a Promise (did you forget `await`?)', { s: [Promise.resolve('A')] }],
    ])('%s as a parameter is refused', async (got, value) => {
      await expect(cacheOf().query(text, [value])).rejects.toThrow(
        `QueryCache: values must be what pg can send, got ${got}.`,
      );
      expect(pool.asked).toHaveLength(0);
    });

    test('parameters that are not a list are left to pg, which refuses them', async () => {
      const values = Promise.resolve(['A']) as never;
      await cacheOf().query(text, values);
      expect(pool.asked).toEqual([[text, values]]);
      expect(store.entries.size).toBe(0);
    });

    test.each<[string, unknown]>([
      ['a Promise', Promise.resolve(['ticks'])],
      ['a Promise in a list', [Promise.resolve('ticks')]],
      ['a name by itself', 'ticks'],
      ['a number', [7]],
    ])('%s as tables is refused before anything is asked', async (_name, tables) => {
      const cache = cacheOf();
      const names = tables as string[];
      const message = / must be a string that is not empty/;
      await expect(cache.query(text, ['A'], { tables: names })).rejects.toThrow(message);
      await expect(cache.query(text, ['A'], { changes: names })).rejects.toThrow(message);
      expect(() => cacheOf({ readThrough: { view: names } })).toThrow(message);
      expect(() => cacheOf({ writeThrough: { ticks: names } })).toThrow(message);
      if (Array.isArray(tables)) await expect(cache.invalidate(...names)).rejects.toThrow(message);
      expect([pool.asked.length, store.invalidated.length]).toEqual([0, 0]);
    });
  });

  test('a write invalidates the results of its tables, and no others', async () => {
    const cache = cacheOf({
      readThrough: { latest: ['ticks'], 'market.vwap': ['ticks'] },
      writeThrough: { parents: ['children'] },
    });
    const texts = [
      'SELECT 1 FROM market.ticks',
      'SELECT 1 FROM latest',
      'SELECT market.vwap(1)',
      'SELECT 1 FROM children',
      'SELECT 1 FROM other',
    ];
    const ask = async () => {
      for (const text of texts) await cache.query(text);
    };
    await ask();
    await ask();
    expect(pool.asked).toHaveLength(5);
    await cache.query('INSERT INTO ticks VALUES ($1)', [1]);
    await ask();
    expect(pool.asked).toHaveLength(5 + 1 + 3);
    await cache.query('DELETE FROM parents');
    await ask();
    expect(pool.asked).toHaveLength(9 + 1 + 1);
    expect(await cache.invalidate('market.other')).toEqual({ reached: true });
    await ask();
    expect(pool.asked).toHaveLength(12);
  });

  test('named tables replace those found, and assert that a function only reads', async () => {
    const cache = cacheOf();
    for (let i = 0; i < 2; i += 1)
      await cache.query('SELECT total($1)', [1], { tables: ['orders'] });
    expect(pool.asked).toHaveLength(1);
    await cache.query('CALL settle()', [], { changes: ['orders'] });
    await cache.query('SELECT total($1)', [1], { tables: ['orders'] });
    expect(pool.asked).toHaveLength(3);
  });

  test.each<[string, Parameters<QueryCache['query']>]>([
    ['volatile', ['SELECT now()']],
    ['unknown-function', ['SELECT f(1)']],
    ['locking', ['SELECT 1 FROM t FOR UPDATE']],
    ['catalog', ['SELECT 1 FROM pg_class']],
    ['not-a-query', ['SET a = 1']],
    ['several-statements', ['SELECT 1; SELECT 2']],
    ['unreadable', ["SELECT 'a\\'"]],
    ['parameter', ['SELECT $1', [Symbol('a')]]],
    ['parameter', ['SELECT $1::date', ['today']]],
    ['asked', ['SELECT 1', [], { cache: false }]],
    ['asked', [{ text: 'SELECT 1', types: { getTypeParser: () => () => 1 } as never }]],
  ])('bypasses the cache for the reason %s: %j', async (reason, call) => {
    const cache = cacheOf();
    await cache.query(...call);
    await cache.query(...call);
    expect(pool.asked).toHaveLength(2);
    expect(store.entries.size).toBe(0);
    expect(cache.counts()).toEqual({ [`cache_query_bypasses_total{reason="${reason}"}`]: 2 });
  });

  test.each([
    'CALL settle()',
    'DO $$ BEGIN UPDATE ticks SET n = 1; END $$',
    'EXECUTE prepared_before',
    'TRUNCATE symbols CASCADE',
    'CREATE OR REPLACE VIEW latest AS SELECT 2 AS n',
    'SELECT settle()',
    'SELECT market.settle(n) FROM symbols',
    "SELECT 'a",
  ])('%s may write any table: every result is dropped, of this database only', async (write) => {
    pool.functionsMayWrite = true;
    const cache = cacheOf();
    const other = cacheOf({ database: 'other' });
    const ask = async () => {
      for (const text of ['SELECT n FROM ticks', 'SELECT 1', 'SELECT n FROM s.latest'])
        await cache.query(text);
      await other.query('SELECT n FROM ticks');
    };
    await ask();
    await cache.query(write);
    await ask();
    expect(pool.asked).toHaveLength(4 + 1 + 3);
  });

  test('a function that is not volatile, or named, changes nothing', async () => {
    const cache = cacheOf({ readThrough: { 'market.vwap': ['ticks'] } });
    await cache.query('SELECT n FROM ticks');
    await cache.query('SELECT total()');
    await cache.query('SELECT total(), market.vwap(1)');
    expect(pool.looked).toBe(1);
    pool.functionsMayWrite = true;
    await cache.query('SELECT settle()', [], { tables: ['symbols'] });
    await cache.query('SELECT settle(), 2', [], { changes: [] });
    expect(pool.looked).toBe(1);
    await cache.query('SELECT n FROM ticks');
    expect(store.invalidated).toEqual([]);
  });

  test('a function that cannot be looked up may write, and is looked up again', async () => {
    const cache = cacheOf();
    pool.functionsMayWrite = undefined;
    await cache.query('SELECT total()');
    expect(store.invalidated).toEqual([['tables:market']]);
    pool.functionsMayWrite = false;
    await cache.query('SELECT total()');
    expect(store.invalidated).toHaveLength(1);
  });

  test.each([
    ['CALL settle()', 1],
    ['BEGIN; UPDATE ticks SET n = 1; COMMIT; SELECT 1 / 0', 1],
    ['UPDATE ticks SET n = 1; SELECT 1 / 0', 0],
    ['UPDATE ticks SET n = 1 / 0', 0],
  ])('what %s has committed before it fails is invalidated', async (text, invalidations) => {
    pool.answer = () => {
      throw refusal;
    };
    await expect(cacheOf().query(text)).rejects.toBe(refusal);
    expect(store.invalidated).toHaveLength(invalidations);
  });

  test('a result that cannot be serialized is returned, and not tried again', async () => {
    class Interval {}
    const cache = cacheOf();
    pool.answer = () => result([{ n: new Interval() }]);
    const { rows } = await cache.query('SELECT i FROM t');
    expect(rows[0].n).toBeInstanceOf(Interval);
    await cache.query('SELECT i FROM t');
    expect(store.entries.size).toBe(0);
    expect(cache.counts()).toEqual({
      cache_query_lookups_total: 1,
      'cache_query_bypasses_total{reason="result"}': 2,
    });
    for (const value of [-0, { a: [new Map()] }, 2n ** 64n]) {
      pool.answer = () => result([{ value }]);
      expect((await cache.query(`SELECT '${typeof value}' FROM t`)).rows).toEqual([{ value }]);
    }
    expect(store.entries.size).toBe(0);
  });

  test('errors of the database reach the caller, and are not cached', async () => {
    const cache = cacheOf();
    pool.answer = () => {
      throw refusal;
    };
    await expect(cache.query('SELECT n FROM ticks')).rejects.toBe(refusal);
    await expect(cache.query('INSERT INTO ticks VALUES (1)')).rejects.toBe(refusal);
    expect(store.invalidated).toEqual([]);
    pool.answer = () => {
      throw lost;
    };
    await expect(cache.query('INSERT INTO ticks VALUES (1)')).rejects.toBe(lost);
    expect(store.invalidated).toEqual([['table:market:ticks']]);
  });

  test.each([
    [{ database: '' }, /database must be a name, got ""/],
    [{ replicaLagMs: -1 }, /replicaLagMs must be a whole number from 0 to 600000, got -1/],
  ])('refuses %j', (options, message) => {
    expect(() => cacheOf(options)).toThrow(message);
  });

  test('refuses a transaction on a pg pool', async () => {
    await expect(cacheOf().transaction(async () => 1)).rejects.toThrow(
      'pool must be one with `transaction`',
    );
  });
});

describe('QueryCache over replicas', () => {
  const token = (lsn: string) => `7.1.${lsn}`;
  let store: Store;
  beforeEach(() => {
    store = new Store();
    jest.useFakeTimers();
  });
  afterEach(() => jest.useRealTimers());

  function over(fails?: unknown) {
    const asked: unknown[] = [];
    let lsn = 0xe;
    const answer = result([{ n: 1 }]);
    const pool: QueryPool = {
      query: async (statement) => {
        asked.push(['query', statement]);
        return answer;
      },
      read: async (statement, _, options) => {
        asked.push(['read', statement, options?.after]);
        return answer;
      },
      write: async (statement) => {
        asked.push(['write', statement]);
        if (fails) throw fails;
        lsn += 1;
        return { ...answer, token: token(`0/${lsn.toString(16).toUpperCase()}`) };
      },
      transaction: async (work) => {
        const value = await work({ query: async () => answer as never });
        if (fails) throw fails;
        return { value, token: token('1/0') };
      },
    };
    return { asked, cache: new QueryCache({ pool, cache: store, database: 'm' }) };
  }

  test('a load after a write of this process uses its token, or the later of two', async () => {
    const { asked, cache } = over();
    await cache.query('SELECT 1 FROM a');
    await cache.query('UPDATE a SET n = 1');
    await cache.query('UPDATE b SET n = 1');
    await cache.query('SELECT 1 FROM a');
    await cache.query('SELECT 1 FROM b, a');
    await cache.query('SELECT 1 FROM c');
    expect(asked).toEqual([
      ['query', 'SELECT 1 FROM a'],
      ['write', 'UPDATE a SET n = 1'],
      ['write', 'UPDATE b SET n = 1'],
      ['read', 'SELECT 1 FROM a', token('0/F')],
      ['read', 'SELECT 1 FROM b, a', token('0/10')],
      ['query', 'SELECT 1 FROM c'],
    ]);
    await cache.close();
  });

  test('tables are invalidated again after the lag, even while they are written', async () => {
    const { cache } = over();
    for (let i = 0; i < 6; i += 1) {
      await cache.query('UPDATE a SET n = 1');
      await jest.advanceTimersByTimeAsync(400);
    }
    // Six at the writes, and two more at 1,000 and 2,000 ms. They repeat until one comes a whole
    // lag after the last write.
    expect(store.invalidated).toHaveLength(8);
    await jest.advanceTimersByTimeAsync(5_000);
    expect(store.invalidated).toHaveLength(10);
    await cache.query('UPDATE a SET n = 1');
    await cache.close();
    expect(store.invalidated).toHaveLength(12);
    expect(jest.getTimerCount()).toBe(0);
  });

  test('a transaction invalidates its changes after COMMIT only', async () => {
    const change = (cache: QueryCache) =>
      cache.transaction(async (client) => {
        await client.query('UPDATE a SET n = 1');
        await client.query('CALL settle()', [], { changes: ['b'] });
        expect(store.invalidated).toEqual([]);
      });
    const rolledBack = over(refusal);
    await expect(change(rolledBack.cache)).rejects.toBe(refusal);
    expect(store.invalidated).toEqual([]);

    const committed = over();
    expect((await change(committed.cache)).token).toBe(token('1/0'));
    expect(store.invalidated).toEqual([['table:m:a', 'table:m:b']]);
    await committed.cache.query('SELECT 1 FROM b');
    expect(committed.asked).toEqual([['read', 'SELECT 1 FROM b', token('1/0')]]);
    await committed.cache.close();

    store.invalidated.length = 0;
    const unknown = over(new UnknownOutcomeError('The transaction', lost));
    await expect(change(unknown.cache)).rejects.toBeInstanceOf(UnknownOutcomeError);
    expect(store.invalidated).toEqual([['table:m:a', 'table:m:b']]);
    await unknown.cache.close();
  });
});

describe('write tokens', () => {
  test.each([
    ['7.1.0/F', '7.1.0/10', '7.1.0/10'],
    ['7.1.1/0', '7.1.0/FFFFFFFF', '7.1.1/0'],
    ['7.1.1/0', '7.2.0/1', '7.2.0/1'],
    ['7.1.1/0', MAX_LSN, MAX_LSN],
    [MAX_LSN, '7.1.1/0', MAX_LSN],
  ])('of %s and %s, the later one is %s', (one, other, later) => {
    expect(laterToken(one, other)).toBe(later);
  });

  test.each(['', '0/1', '7.1.0/G', "7.1.0/1'", '7.1.0/123456789', '7.1.0/1\n'])(
    'refuses %j as a token',
    (text) => {
      expect(() => writePosition(text)).toThrow('after must be a token of a write');
    },
  );
});
