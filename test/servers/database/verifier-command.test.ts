/** `isochrone verifier`: PostgreSQL accepts the password with the verifier that it prints. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { isScramVerifier } from '../../../lib/tools/postgres/pgbouncer/users';
import { PostgresServer } from '../postgres-server';
import { serversHere } from '../server-process';

const ROOT = join(__dirname, '..', '..', '..');

function verifier(input: string, ...args: string[]) {
  const command = ['--import', 'tsx', join(ROOT, 'bin', 'isochrone.ts'), 'verifier', ...args];
  return spawnSync(process.execPath, command, { cwd: ROOT, encoding: 'utf8', input });
}

const describeHere = serversHere('postgres', 'initdb') ? describe : describe.skip;

describeHere('a role with the verifier', () => {
  let server: PostgresServer;

  beforeAll(async () => {
    server = await PostgresServer.start();
    // The test's own user stays trusted; all others need the password.
    writeFileSync(
      join(server.data, 'pg_hba.conf'),
      'host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n',
    );
    await server.query('SELECT pg_reload_conf()');
  }, 60_000);

  afterAll(() => server.stop());

  const whoami = async (password: string) => {
    const client = new Client({
      host: '127.0.0.1',
      port: server.port,
      user: 'orders_a',
      password,
      database: 'postgres',
    });
    await client.connect();
    try {
      return (await client.query<{ me: string }>('SELECT current_user AS me')).rows[0]?.me;
    } finally {
      await client.end();
    }
  };

  test('logs in with this password only, and the server stores the verifier as it is', async () => {
    const { stdout, stderr, status } = verifier("c0rrect'horse\n", '--user', 'orders_a');
    expect([status, stderr]).toEqual([0, '']);
    const { orders_a: made } = JSON.parse(stdout) as { orders_a: string };
    await server.query(`CREATE ROLE orders_a LOGIN PASSWORD '${made}'`);
    expect(
      await server.query("SELECT rolpassword FROM pg_authid WHERE rolname = 'orders_a'"),
    ).toEqual([{ rolpassword: made }]);
    expect(await whoami("c0rrect'horse")).toBe('orders_a');
    await expect(whoami("c0rrect'horse\n")).rejects.toMatchObject({ code: '28P01' });
    await expect(whoami(made)).rejects.toMatchObject({ code: '28P01' });
  }, 60_000);
});

describe('the command', () => {
  test('prints only the verifier, a different one each time', () => {
    const [one, other] = [verifier('secret'), verifier('secret')].map(({ stdout }) =>
      stdout.trimEnd(),
    );
    expect(isScramVerifier(String(one))).toBe(true);
    expect(isScramVerifier(String(other))).toBe(true);
    expect(one).not.toBe(other);
  });

  test.each([
    ['', [], /printable ASCII/],
    ['p\u00e4ssword', [], /printable ASCII/],
    ['two words', [], /printable ASCII/],
    ['two\nlines\n', [], /printable ASCII/],
    ['shibboleth', ['--user', ''], /--user must be the name of a role/],
    ['', ['secret'], /needs the name of its option before it/],
  ])('refuses %j with %j, and does not print the input', (input, args, says) => {
    const { status, stdout, stderr } = verifier(input, ...args);
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(says);
    if (input) expect(stderr).not.toContain(input);
    expect(stderr).not.toMatch(/^\s+at /m);
  });
});
