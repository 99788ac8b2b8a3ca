/** Generated queries of many tenants through `QueryCache`. */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { QueryResult } from 'pg';
import { QueryCache, type QueryPool } from '../../../lib/runtime/query-cache';
import { TieredCache } from '../../../lib/runtime/tiered-cache';
import { type Isolation, MISTAKES, sendAll } from '../isolation';
import type { Random } from '../random';

/** Names that a careless key would confuse with each other, or with other parts of the key. */
const SCOPES = [
  ...[
    'acme',
    'Acme',
    'acme ',
    ' acme',
    'acme,globex',
    'globex',
    'globex"',
    '["acme"]',
    '{}',
    'null',
  ],
  ...[
    'undefined',
    'a1:s4:acme',
    's4:acme',
    '[object Object]',
    '[object Promise]',
    '0',
    'é',
    'e\u0301',
  ],
  ...Array.from({ length: 30 }, (_, i) => `tenant-${i}`),
];
const PARAMETERS: readonly unknown[] = [
  ...['acme', '', '1', 's4:acme', null, 1, 1n, true, -0, 0, ['acme'], [['acme']], []],
  ...[new Date(0), Buffer.from('acme'), { tenant: 'acme' }, {}, 'null', '{}'],
];
const STATEMENTS = [
  'SELECT * FROM orders WHERE a = $1',
  'select * from ORDERS where a = $1 -- of mine',
  'SELECT count(*) FROM orders JOIN customers USING (id) WHERE a = $1',
  'SELECT * FROM customers WHERE a = $1 AND b = $2',
];

/** Concurrent callers, so that loads are shared. */
const CALLERS = 16;

export async function isolationOfQueries(
  seed: number,
  requests: number,
  progress: (sent: number) => void = () => {},
): Promise<Isolation> {
  const result = { requests: 0, hits: 0, bypasses: 0, leaks: 0, examples: [] as string[] };
  // As row-level security does, the database shows each tenant rows of its own.
  const tenant = new AsyncLocalStorage<string>();
  let runs = 0;
  const pool: QueryPool = {
    query: async (_statement, values) => {
      runs++;
      const row = { tenant: tenant.getStore(), values: String(values?.map(printed)) };
      await undefined;
      return { command: 'SELECT', rowCount: 1, oid: 0, fields: [], rows: [row] } as QueryResult;
    },
  };
  const cache = new TieredCache();
  const queries = new QueryCache({ pool, cache, database: 'market' });
  const call = async (random: Random): Promise<void> => {
    const scope = random.chance(0.9) ? random.pick(SCOPES) : undefined;
    const statement = random.pick(STATEMENTS);
    const values = Array.from({ length: statement.includes('$2') ? 2 : 1 }, () =>
      random.pick(PARAMETERS),
    );
    const isMistaken = scope !== undefined && random.chance(0.05);
    const given = isMistaken ? random.pick(MISTAKES)(scope) : scope;
    try {
      const { rows } = await tenant.run(scope ?? 'everybody', () =>
        queries.query(statement, values, given === undefined ? {} : { scope: given as string }),
      );
      const own = { tenant: scope ?? 'everybody', values: String(values.map(printed)) };
      if (!isMistaken && JSON.stringify(rows[0]) === JSON.stringify(own)) return;
      result.leaks++;
      if (result.examples.length < 5)
        result.examples.push(`${statement} of ${JSON.stringify(own)}: ${JSON.stringify(rows[0])}`);
    } catch (error) {
      if (!isMistaken) throw error;
      result.bypasses++;
    }
  };
  await sendAll({ seed, requests, callers: CALLERS }, result, progress, call, () =>
    queries.invalidate('orders'),
  );
  // Calls that shared a load of another caller count too.
  result.hits = (queries.counts().cache_query_lookups_total ?? 0) - runs;
  await queries.close();
  await cache.close();
  return result;
}

function printed(value: unknown): string {
  if (Object.is(value, -0)) return 'number -0';
  return `${typeof value} ${typeof value === 'bigint' ? value : JSON.stringify(value)}`;
}
