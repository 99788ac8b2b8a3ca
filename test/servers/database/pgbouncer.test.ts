import { spawnSync } from 'node:child_process';
import { chownSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client } from 'pg';
import { scramVerifier } from '../../../lib/tools/postgres/pgbouncer/users';
import { PgbouncerServer, type PgbouncerServerOptions } from '../pgbouncer-server';
import { PostgresServer } from '../postgres-server';
import { serverAccount, serversHere } from '../server-process';

const describeHere = serversHere('postgres', 'initdb', 'pgbouncer', 'psql', 'openssl')
  ? describe
  : describe.skip;

const USERS = ['app', 'orders', 'quotes', 'reports'];
/** One verifier per user, for both the server and the pooler. The password is the user's name. */
const VERIFIERS = Object.fromEntries(USERS.map((user) => [user, scramVerifier(user)]));
const ONE_CONNECTION = {
  defaultPoolSize: 1,
  minPoolSize: 0,
  reservePoolSize: 0,
  maxDatabaseConnections: 1,
};

/** A server that has the users' verifiers and requires SCRAM of all roles but its owner. */
async function serverWithUsers(
  settings: Record<string, string | number> = {},
): Promise<PostgresServer> {
  const server = await PostgresServer.start({ settings });
  for (const [user, verifier] of Object.entries(VERIFIERS))
    await server.query(`CREATE ROLE ${user} LOGIN PASSWORD '${verifier}'`);
  writeFileSync(
    join(server.data, 'pg_hba.conf'),
    'host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n',
  );
  await server.query('SELECT pg_reload_conf()');
  return server;
}

async function withPooler(
  options: Omit<PgbouncerServerOptions, 'users'>,
  use: (pooler: PgbouncerServer) => Promise<void>,
): Promise<void> {
  const pooler = await PgbouncerServer.start({ users: VERIFIERS, ...options });
  try {
    await use(pooler);
  } finally {
    await pooler.stop();
  }
}

/** Logs in many clients, 50 at a time: each log-in costs both sides 4096 hashes. */
async function connectAll(pooler: PgbouncerServer, users: readonly string[]): Promise<Client[]> {
  const clients: Client[] = [];
  for (let i = 0; i < users.length; i += 50) {
    clients.push(
      ...(await Promise.all(users.slice(i, i + 50).map((user) => pooler.connect(user, user)))),
    );
  }
  return clients;
}

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

describeHere('PgBouncer, as the fleets run it', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await serverWithUsers({ max_connections: 150 });
  }, 120_000);
  afterAll(() => server.stop());

  test('a verifier suffices for both log-ins, and nothing else does', async () => {
    await withPooler({ server }, async (pooler) => {
      const client = await pooler.connect('app', 'app');
      expect((await client.query('SELECT current_user AS who')).rows).toEqual([{ who: 'app' }]);
      await client.end();
      await expect(pooler.connect('app', 'wrong')).rejects.toThrow('SASL authentication failed');
      await expect(pooler.connect('nobody', 'app')).rejects.toThrow('SASL authentication failed');
      // The verifier is not the password.
      await expect(pooler.connect('app', VERIFIERS.app as string)).rejects.toThrow(
        'SASL authentication failed',
      );
      expect(pooler.console('SHOW CONFIG')).toMatch(/^pool_mode,transaction,/m);
    });
  });

  test('a verifier with another salt lets clients in, but not PgBouncer', async () => {
    await withPooler({ server }, async (pooler) => {
      pooler.setUsers({ ...VERIFIERS, app: scramVerifier('app') });
      pooler.console('RELOAD');
      // The log-in of a pool's first client waits for the server's.
      await expect(pooler.connect('app', 'app')).rejects.toThrow(
        'password authentication failed for user "app"',
      );
    });
  });

  test('a thousand clients are answered over at most a hundred server connections', async () => {
    await withPooler({ server }, async (pooler) => {
      const clients = await connectAll(
        pooler,
        Array.from({ length: 1000 }, (_, i) => USERS[i % USERS.length] as string),
      );
      let most = 0;
      let done = false;
      const watch = (async () => {
        const watcher = await server.connect();
        while (!done) {
          const { rows } = await watcher.query(
            'SELECT count(*)::int AS n FROM pg_stat_activity WHERE usename = ' +
              "ANY('{app,orders,quotes,reports}')",
          );
          most = Math.max(most, rows[0].n);
        }
        await watcher.end();
      })();
      const answers = await Promise.all(
        clients.map(async (client, i) => {
          const { rows } = await client.query(
            'SELECT $1::int AS n, pg_backend_pid() AS pid, pg_sleep(0.05)',
            [i],
          );
          return rows[0] as { n: number; pid: number };
        }),
      );
      done = true;
      await watch;
      expect(answers.map(({ n }) => n)).toEqual(clients.map((_, i) => i));
      expect(new Set(answers.map(({ pid }) => pid)).size).toBeGreaterThan(25);
      expect(most).toBeGreaterThan(25);
      expect(most).toBeLessThanOrEqual(100);
      // One client more is refused with a reason.
      await expect(pooler.connect('app', 'app')).rejects.toThrow(
        'no more connections allowed (max_client_conn)',
      );
      await Promise.all(clients.map((client) => client.end()));
    });
  }, 120_000);

  test('a query that gets no server connection in time fails with a reason', async () => {
    await withPooler(
      { server, figures: { ...ONE_CONNECTION, queryWaitTimeoutSeconds: 1 } },
      async (pooler) => {
        const [holder, waiter] = [
          await pooler.connect('app', 'app'),
          await pooler.connect('app', 'app'),
        ];
        await holder.query('BEGIN');
        await expect(waiter.query('SELECT 1')).rejects.toThrow('query_wait_timeout');
        await holder.query('COMMIT');
        await holder.end();
      },
    );
  });

  test('RELOAD adds a new user and removes a deleted one', async () => {
    await server.query('DROP ROLE IF EXISTS late');
    await withPooler({ server }, async (pooler) => {
      await expect(pooler.connect('late', 'late')).rejects.toThrow('SASL authentication failed');
      const late = scramVerifier('late');
      await server.query(`CREATE ROLE late LOGIN PASSWORD '${late}'`);
      const { reports, ...others } = VERIFIERS;
      pooler.setUsers({ ...others, late });
      pooler.console('RELOAD');
      const client = await pooler.connect('late', 'late');
      expect((await client.query('SELECT current_user AS who')).rows).toEqual([{ who: 'late' }]);
      await client.end();
      await expect(pooler.connect('reports', 'reports')).rejects.toThrow(
        'SASL authentication failed',
      );
    });
  });
});

describeHere('a server that goes away', () => {
  test('clients under load recover when PostgreSQL is back', async () => {
    const server = await serverWithUsers();
    try {
      await withPooler({ server }, async (pooler) => {
        let wanted = true;
        let failures = 0;
        let underLoad = 0;
        const worker = async (): Promise<number> => {
          let client = await pooler.connect('app', 'app');
          let answered = 0;
          let total = 0;
          const query = async () => {
            try {
              await client.query('SELECT 1');
              answered++;
              if (++total === 1) underLoad++;
            } catch {
              failures++;
              answered = 0;
              await client.end().catch(() => {});
              await pause(100);
              const again = await pooler.connect('app', 'app').catch(() => undefined);
              if (again) client = again;
            }
          };
          while (wanted) await query();
          // Each worker ends after an answer.
          for (let i = 0; i < 100 && answered === 0; i++) await query();
          await client.end();
          return answered;
        };
        const workers = Array.from({ length: 40 }, worker);
        while (underLoad < workers.length) await pause(20);
        await server.kill();
        await pause(500);
        await server.restart();
        await pause(500);
        wanted = false;
        const answered = await Promise.all(workers);
        expect(failures).toBeGreaterThan(0);
        expect(Math.min(...answered)).toBeGreaterThan(0);
      });
    } finally {
      await server.stop();
    }
  }, 120_000);
});

describeHere('TLS on both hops', () => {
  test('clients must use it, and a certificate with another name is refused', async () => {
    const server = await serverWithUsers();
    try {
      const [certificate, key] = selfSigned(server.directory);
      await server.query(`ALTER SYSTEM SET ssl_cert_file = '${certificate}'`);
      await server.query(`ALTER SYSTEM SET ssl_key_file = '${key}'`);
      await server.query('ALTER SYSTEM SET ssl = on');
      await server.query('SELECT pg_reload_conf()');
      const tls = {
        server,
        clientTls: { certificateFile: certificate, keyFile: key },
        serverTls: { mode: 'verify-full', authoritiesFile: certificate },
      } as const;
      await withPooler({ ...tls, host: 'localhost' }, async (pooler) => {
        await expect(pooler.connect('app', 'app')).rejects.toThrow('SSL required');
        const client = await pooler.connect('app', 'app', { ssl: { rejectUnauthorized: false } });
        expect(
          (await client.query('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()')).rows,
        ).toEqual([{ ssl: true }]);
        await client.end();
      });
      await withPooler(
        {
          ...tls,
          host: '127.0.0.1',
          figures: { serverConnectTimeoutSeconds: 2, queryWaitTimeoutSeconds: 2 },
        },
        async (pooler) => {
          await expect(
            pooler.connect('app', 'app', { ssl: { rejectUnauthorized: false } }),
          ).rejects.toThrow();
          expect(pooler.log).toContain("name `127.0.0.1' not present in server certificate");
        },
      );
    } finally {
      await server.stop();
    }
  }, 120_000);
});

/** A certificate of localhost and its key, readable by the servers' account only. */
function selfSigned(directory: string): [certificate: string, key: string] {
  const [certificate, key] = [join(directory, 'server.crt'), join(directory, 'server.key')];
  const made = spawnSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-days',
      '2',
      '-subj',
      '/CN=localhost',
      '-addext',
      'subjectAltName=DNS:localhost',
      '-keyout',
      key,
      '-out',
      certificate,
    ],
    { encoding: 'utf8', cwd: tmpdir() },
  );
  if (made.status !== 0) throw new Error(made.stderr);
  const { uid, gid } = serverAccount();
  if (uid !== undefined && gid !== undefined)
    for (const path of [certificate, key]) chownSync(path, uid, gid);
  return [certificate, key];
}
