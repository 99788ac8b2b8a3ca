/**
 * The timer scripts of the poolers' instances, run by bash with fakes of AWS's and systemd's tools.
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import {
  POOLER_METRICS,
  reportScript,
  usersScript,
} from '../../../lib/constructs/database/pooler/boot';
import { scramVerifier } from '../../../lib/tools/postgres/pgbouncer/users';
import { PgbouncerServer } from '../pgbouncer-server';
import { PostgresServer } from '../postgres-server';
import { serversHere } from '../server-process';

const describeHere = serversHere('postgres', 'initdb', 'pgbouncer', 'psql', 'jq', 'cmp')
  ? describe
  : describe.skip;

/** A folder with fake programs, and a function that runs a script with the folder first in PATH. */
function instance(programs: Readonly<Record<string, string>>) {
  const directory = mkdtempSync(join(tmpdir(), 'isochrone-instance-'));
  mkdirSync(join(directory, 'bin'));
  const write = (path: string, text: string) => {
    writeFileSync(path, text);
    chmodSync(path, 0o755);
  };
  for (const [name, body] of Object.entries({
    chown: '',
    systemctl: `echo "$@" >> ${directory}/systemctl`,
    ...programs,
  })) {
    write(join(directory, 'bin', name), `#!/bin/bash\n${body}\n`);
  }
  return {
    directory,
    path: (name: string) => join(directory, name),
    run(script: readonly string[], environment: Record<string, string> = {}) {
      write(join(directory, 'script'), `${script.join('\n')}\n`);
      const PATH = [join(directory, 'bin'), process.env.PATH].join(delimiter);
      return spawnSync(join(directory, 'script'), {
        encoding: 'utf8',
        env: { ...process.env, ...environment, PATH },
      });
    },
  };
}

describeHere('the users', () => {
  const verifiers = { app: scramVerifier('app'), 'a"b': scramVerifier('b') };

  function withSecret(secret: unknown) {
    const host = instance({
      aws: `echo "$@" > ${'$'}{0%/bin/aws}/aws; cat ${'$'}{0%/bin/aws}/secret`,
    });
    writeFileSync(host.path('secret'), JSON.stringify(secret));
    return {
      ...host,
      refresh: () => host.run(usersScript('eu-west-1', 'arn:users', host.directory)),
    };
  }

  test('become a file of PgBouncer, which is reloaded once', () => {
    const { path, refresh } = withSecret(verifiers);
    expect(refresh()).toMatchObject({ status: 0, stderr: '' });
    expect(readFileSync(path('aws'), 'utf8')).toContain(
      'get-secret-value --region eu-west-1 --secret-id arn:users',
    );
    expect(readFileSync(path('userlist.txt'), 'utf8')).toBe(
      `"app" "${verifiers.app}"\n"a""b" "${verifiers['a"b']}"\n`,
    );
    refresh();
    expect(readFileSync(path('systemctl'), 'utf8')).toBe(
      'is-active --quiet pgbouncer\nreload pgbouncer\n',
    );
  });

  test.each<[string, unknown]>([
    ['a password', { app: 'secret' }],
    ['an MD5 hash', { app: 'md545f2603610af569b6155c45067268c6b' }],
    ['a verifier and a second line', { app: `${verifiers.app}\n"eve" "secret"` }],
    ['a number', { app: 7 }],
    ['a list', 'not an object'],
  ])('stay unchanged if the secret has %s', (_name, secret) => {
    const { path, refresh } = withSecret(secret);
    writeFileSync(path('userlist.txt'), 'as it was');
    expect(refresh().status).not.toBe(0);
    expect(readFileSync(path('userlist.txt'), 'utf8')).toBe('as it was');
    expect(existsSync(path('systemctl'))).toBe(false);
  });
});

describeHere('the report', () => {
  test('sends the log and the metrics of every database, and retries after a failure', async () => {
    const server = await PostgresServer.start();
    const verifier = scramVerifier('app');
    await server.query(`CREATE ROLE app LOGIN PASSWORD '${verifier}'`);
    const pooler = await PgbouncerServer.start({
      server,
      users: { app: verifier },
      figures: {
        defaultPoolSize: 2,
        minPoolSize: 0,
        reservePoolSize: 0,
        maxDatabaseConnections: 2,
      },
    });
    const clients = await Promise.all([0, 1, 2].map(() => pooler.connect('app', 'app')));
    try {
      for (const client of clients.slice(0, 2)) await client.query('BEGIN');
      const waiting = clients[2]?.query('SELECT 1');
      const host = instance({
        aws: 'echo "$@" > aws; if [ -f refuse ]; then exit 1; fi; cp events sent',
        journalctl:
          `for lines; do :; done; echo '{"__REALTIME_TIMESTAMP":"'$(date ` +
          `+%s)000000'","MESSAGE":"pooler error"}'; echo old > cursor.new`,
        // The console accepts only the account of the process.
        psql:
          `cd /; exec ${process.getuid?.() === 0 ? 'runuser -u postgres -- ' : ''}/usr/bin/psql ` +
          `"$@"`,
      });
      const report = () =>
        host.run(
          reportScript({
            region: 'eu-west-1',
            port: pooler.port,
            logGroupName: 'log',
            poolerName: 'Market/Pooler',
            socketDirectory: pooler.directory,
          }),
          { STATE_DIRECTORY: host.directory, STREAM: 'i-0123' },
        );

      writeFileSync(host.path('refuse'), '');
      expect(report().status).not.toBe(0);
      expect(existsSync(host.path('cursor'))).toBe(false);

      spawnSync('rm', [host.path('refuse')]);
      expect(report()).toMatchObject({ status: 0, stderr: '' });
      expect(existsSync(host.path('cursor'))).toBe(true);
      expect(readFileSync(host.path('aws'), 'utf8')).toContain(
        '--log-group-name log --log-stream-name i-0123',
      );
      const events = JSON.parse(readFileSync(host.path('sent'), 'utf8')) as {
        timestamp: number;
        message: string;
      }[];
      expect(events.map(({ timestamp }) => timestamp)).toEqual(
        events.map(({ timestamp }) => timestamp).sort(),
      );
      const messages = events.map(({ message }) => message);
      expect(messages).toContain('pooler error');
      const [ofUsers, ofDatabase] = messages
        .filter((message) => message.startsWith('{'))
        .map((message) => JSON.parse(message));
      expect(ofUsers).toMatchObject({ Pooler: 'Market/Pooler', Users: 1 });
      expect(ofDatabase).toMatchObject({
        Pooler: 'Market/Pooler',
        Database: 'app',
        ClientsActive: 2,
        ClientsWaiting: 1,
        ServersActive: 2,
        ServerConnections: 2,
      });
      expect(ofDatabase.LongestWait).toBeGreaterThan(0);
      // Every declared metric has a value beside it.
      for (const event of [ofUsers, ofDatabase]) {
        for (const { Metrics } of event._aws.CloudWatchMetrics)
          for (const { Name } of Metrics) expect(event).toHaveProperty(Name, expect.any(Number));
      }
      const declared = [ofUsers, ofDatabase].flatMap((event) =>
        event._aws.CloudWatchMetrics.flatMap(
          (metric: { Metrics: { Name: string }[] }) => metric.Metrics,
        ),
      );
      expect(declared.map(({ Name }) => Name)).toEqual(Object.keys(POOLER_METRICS));
      await clients[0]?.query('COMMIT');
      await waiting;
    } finally {
      await Promise.all(clients.map((client) => client.end()));
      await pooler.stop();
      await server.stop();
    }
  }, 30_000);
});
