/** No error holds a value of an option that may be a secret, whatever option it is given to. */
import { inspect } from 'node:util';
import * as fc from 'fast-check';
import { ReplicaPool, rdsToken } from '../../../lib/runtime/replicas';
import { openRuntime, parseSettings, readSettings } from '../../../lib/runtime/settings';
import { expectKept, holders, printed, secrets, thrownBy } from '../secrets';
import { SETTINGS } from '../settings/runtime-settings';

jest.setTimeout(30_000);

/** Sets an option, which may lie within others: `pool.maxConnections`. */
function set(target: Record<string, unknown>, path: string, value: unknown): void {
  const names = path.split('.');
  const last = names.pop() as string;
  let inner = target;
  for (const name of names) inner = inner[name] as Record<string, unknown>;
  inner[last] = value;
}

/** All paths of an object. */
function pathsOf(value: unknown, prefix = ''): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => [
    `${prefix}${name}`,
    ...pathsOf(inner, `${prefix}${name}.`),
  ]);
}

test.each([
  ['a URL in the place of the server', 'postgresql://app:hunter2-hunter2@db/market'],
  ['a URL in the place of the host', { host: 'postgresql://app:hunter2-hunter2@db/market' }],
  ['a slash in the password', { connectionString: 'postgresql://app:1/hunter2-hunter2@db/m' }],
  ['a hash in the password', { connectionString: 'postgresql://app:1#hunter2-hunter2@db/m' }],
  ['the keywords of libpq', { connectionString: 'host=db password=hunter2-hunter2' }],
  ['a file of a certificate', { connectionString: 'postgresql://db/m?sslkey=hunter2-hunter2' }],
  ['a port', { host: 'db', port: 'hunter2-hunter2' }],
  ['a way of TLS', { host: 'db', sslnegotiation: 'hunter2-hunter2' }],
])('ReplicaPool refuses %s without showing it', async (_, server) => {
  for (const options of [
    { writer: server },
    { writer: [server] },
    { writer: { host: 'db' }, readers: [server] },
  ]) {
    const error = await thrownBy(() => new ReplicaPool(options as never));
    expect(error).toBeInstanceOf(Error);
    expect(printed(error)).not.toContain('hunter2');
  }
});

test.each([
  'postgresql://app:p%2Fw%23d%40@db.example.com:5432/market?sslmode=no-verify',
  'postgres://app@[::1]:5432/market',
  'postgresql:///market?host=/var/run/postgresql',
  'postgresql://app:secret@/market?host=/var/run/postgresql',
  'postgresql://app@db/my%40database',
  '/var/run/postgresql market',
])('ReplicaPool accepts the URL %s', async (connectionString) => {
  const pool = new ReplicaPool({ writer: { connectionString } });
  await pool.close();
});

test.each(['db.example.com', '10.0.0.1', '::1', '/var/run/postgresql', ''])(
  'ReplicaPool accepts the host %j',
  async (host) => {
    await new ReplicaPool({ writer: { host } }).close();
  },
);

test('no option of ReplicaPool is in an error', async () => {
  const numbers = [
    ...['min', 'max', 'idleTimeoutMs', 'connectTimeoutMs', 'acquireTimeoutMs', 'maxWaitMs'],
    ...['hedgeShare', 'checkIntervalMs', 'ejectMs'],
  ];
  const ofServers = ['connectionString', 'host', 'port', 'password', 'ssl', 'distance', 'options'];
  const refused = await expectKept(
    ['writer', 'readers', ...numbers, ...ofServers],
    async (option, value) => {
      const server = { host: '127.0.0.1', port: 1, user: 'app', database: 'market' };
      const inServer = ofServers.includes(option);
      // A name of a host is looked up, and told in the error.
      if (option === 'host' && typeof value === 'string' && !/[\s/@?#]/.test(value)) return;
      const pool = new ReplicaPool({
        writer: inServer ? { ...server, [option]: value } : server,
        acquireTimeoutMs: 1,
        connectTimeoutMs: 50,
        ...(inServer ? {} : { [option]: value }),
      } as never);
      expect(inspect(pool, { depth: 20 })).not.toContain('password');
      try {
        await pool.query('SELECT 1');
      } finally {
        await pool.close({ drainMs: 10 });
      }
    },
  );
  expect(refused).toBeGreaterThan(100);
});

test('no token, and no isolation, is in an error', async () => {
  const pool = new ReplicaPool({ writer: { host: '127.0.0.1', port: 1 }, acquireTimeoutMs: 1 });
  await expectKept(['after', 'isolation'], (option, value) =>
    option === 'after'
      ? pool.read('SELECT 1', [], { after: value as never })
      : pool.transaction(async () => {}, { isolation: value as never }),
  );
  await pool.close();
});

test('no statement that leaves something in its session is in the error', async () => {
  const pool = new ReplicaPool({ writer: { host: '127.0.0.1', port: 1 }, acquireTimeoutMs: 1 });
  await fc.assert(
    fc.asyncProperty(secrets, async (secret) => {
      const quoted = `'${secret.replaceAll("'", "''")}'`;
      const error = await thrownBy(() => pool.query(`SET app.token = ${quoted}`));
      expect(printed(error)).toContain('must leave nothing in its session');
      expect(printed(error)).not.toContain(secret);
    }),
  );
  await pool.close();
});

test('no option of rdsToken is in an error', async () => {
  await expectKept(['host', 'user', 'region'], (option, value) => {
    const options = { host: 'db', user: 'app', region: 'eu-west-1', [option]: value };
    rdsToken(options as never);
  });
});

test('no field of the settings, and no other parameter read in their place, is in an error', async () => {
  const refused = await expectKept(pathsOf(SETTINGS), (path, value) => {
    const changed = structuredClone(SETTINGS) as unknown as Record<string, unknown>;
    set(changed, path, value);
    return parseSettings(changed);
  });
  expect(refused).toBeGreaterThan(100);
  await fc.assert(
    fc.asyncProperty(holders, async ({ secret, value }) => {
      const text = typeof value === 'string' ? value : JSON.stringify(value);
      const read = () =>
        readSettings({
          parameterName: '/market/runtime',
          region: 'eu-west-1',
          readParameter: async () => text,
        });
      expect(printed(await thrownBy(read))).not.toContain(secret);
    }),
  );
});

test('no secret of the poolers is in an error', async () => {
  await fc.assert(
    fc.asyncProperty(holders, async ({ secret, value }) => {
      const text = typeof value === 'string' ? value : JSON.stringify(value);
      const error = await thrownBy(() => openRuntime(SETTINGS, { readSecret: async () => text }));
      expect(printed(error)).toContain('openRuntime');
      expect(printed(error)).not.toContain(secret);
    }),
  );
});
