import {
  connectionsPerPooler,
  PGBOUNCER_DEFAULTS,
  type PgbouncerOptions,
  pgbouncerIni,
  pgbouncerOpenFiles,
} from '../../../../lib/tools/postgres/pgbouncer/pgbouncer';

const OPTIONS: PgbouncerOptions = {
  version: '1.24',
  databases: {
    app: { host: 'reader.market.internal' },
    orders: { host: 'primary.market.internal', port: 5433, databaseName: 'app' },
  },
  listenAddress: '0.0.0.0',
  listenPort: 6432,
  socketDirectory: '/run/pgbouncer',
  authFile: '/etc/pgbouncer/userlist.txt',
  clientTls: { certificateFile: '/etc/pgbouncer/server.crt', keyFile: '/etc/pgbouncer/server.key' },
  serverTls: { mode: 'verify-full', authoritiesFile: '/etc/pgbouncer/rds.pem' },
};

const DEFAULT_INI = `[databases]
app = host=reader.market.internal port=5432 dbname=app
orders = host=primary.market.internal port=5433 dbname=app
[pgbouncer]
listen_addr = 0.0.0.0
listen_port = 6432
listen_backlog = 1024
unix_socket_dir = /run/pgbouncer
auth_type = scram-sha-256
auth_file = /etc/pgbouncer/userlist.txt
client_tls_sslmode = require
client_tls_cert_file = /etc/pgbouncer/server.crt
client_tls_key_file = /etc/pgbouncer/server.key
server_tls_sslmode = verify-full
server_tls_ca_file = /etc/pgbouncer/rds.pem
pool_mode = transaction
max_client_conn = 1000
default_pool_size = 25
min_pool_size = 10
reserve_pool_size = 5
reserve_pool_timeout = 3
max_db_connections = 100
server_idle_timeout = 600
server_lifetime = 3600
server_connect_timeout = 15
server_login_retry = 2
query_wait_timeout = 120
max_prepared_statements = 200
ignore_startup_parameters = extra_float_digits
tcp_keepidle = 120
tcp_keepintvl = 30
tcp_keepcnt = 3
log_connections = 0
log_disconnections = 0
`;

/** The lines that another option adds to the file and removes from it. */
function difference(change: Partial<PgbouncerOptions>): { added: string[]; removed: string[] } {
  const [before, after] = [
    DEFAULT_INI.split('\n'),
    pgbouncerIni({ ...OPTIONS, ...change }).split('\n'),
  ];
  return {
    added: after.filter((line) => !before.includes(line)),
    removed: before.filter((line) => !after.includes(line)),
  };
}

describe('pgbouncer.ini', () => {
  test('has only the settings of the defaults, in order', () => {
    expect(pgbouncerIni(OPTIONS)).toBe(DEFAULT_INI);
  });

  test.each([
    ['1.18', false],
    ['1.20.1', false],
    ['1.21', true],
    ['1.24.1', true],
    ['2.0', true],
  ])('of version %s has max_prepared_statements: %s', (version, known) => {
    expect(difference({ version })).toEqual({
      added: [],
      removed: known ? [] : ['max_prepared_statements = 200'],
    });
  });

  test.each<[string, Partial<PgbouncerOptions>, string[], string[]]>([
    [
      'a figure',
      { figures: { queryWaitTimeoutSeconds: 30 } },
      ['query_wait_timeout = 30'],
      ['query_wait_timeout = 120'],
    ],
    ['an undefined figure', { figures: { queryWaitTimeoutSeconds: undefined } }, [], []],
    ['console users', { statsUsers: ['watcher', 'second'] }, ['stats_users = watcher,second'], []],
    ['no console users', { statsUsers: [] }, [], []],
    [
      'another ignored parameter',
      { ignoredStartupParameters: ['search_path'] },
      ['ignore_startup_parameters = extra_float_digits,search_path'],
      ['ignore_startup_parameters = extra_float_digits'],
    ],
    [
      'a certificate without the host name',
      { serverTls: { mode: 'verify-ca', authoritiesFile: '/etc/pgbouncer/rds.pem' } },
      ['server_tls_sslmode = verify-ca'],
      ['server_tls_sslmode = verify-full'],
    ],
    [
      'no TLS on loopback',
      { clientTls: 'off', serverTls: 'off' },
      ['client_tls_sslmode = disable', 'server_tls_sslmode = disable'],
      [
        'client_tls_sslmode = require',
        'client_tls_cert_file = /etc/pgbouncer/server.crt',
        'client_tls_key_file = /etc/pgbouncer/server.key',
        'server_tls_sslmode = verify-full',
        'server_tls_ca_file = /etc/pgbouncer/rds.pem',
      ],
    ],
  ])('changes only the lines of %s', (_name, change, added, removed) => {
    expect(difference(change)).toEqual({ added, removed });
  });

  test.each<[string, Partial<PgbouncerOptions>, string]>([
    [
      'a minimum above the pool',
      { figures: { minPoolSize: 26 } },
      'minPoolSize must be at most the pool size, 25, got 26',
    ],
    [
      'a reserve that never opens',
      { figures: { maxDatabaseConnections: 29 } },
      'maxDatabaseConnections must be at least 30, got 29',
    ],
    ['no limit', { figures: { maxDatabaseConnections: 0 } }, 'must be at least 1, got [1000,25,0]'],
    [
      'half a connection',
      { figures: { reservePoolSize: 2.5 } },
      'reservePoolSize must be a whole number, 0 or more, got 2.5',
    ],
    [
      'an invalid version',
      { version: 'newest' },
      'version must be two or three numbers, such as 1.24, got "newest"',
    ],
    ['the name of the console', { databases: { pgbouncer: { host: 'a' } } }, 'got "pgbouncer"'],
    [
      'a list of hosts',
      { databases: { app: { host: 'a,b' } } },
      'databases.app.host must be one word, got "a,b"',
    ],
    [
      'a second option',
      { databases: { app: { host: 'a', databaseName: 'b user=c' } } },
      'databases.app.databaseName must be one word',
    ],
    ['a second line', { authFile: '/a\nadmin_users = eve' }, 'auth_file must be one line'],
  ])('refuses %s', (_name, change, message) => {
    expect(() => pgbouncerIni({ ...OPTIONS, ...change })).toThrow(message);
  });

  test.each<[string, Partial<PgbouncerOptions>]>([
    ['a minimum as large as the pool', { figures: { minPoolSize: 25 } }],
    ['a reserve that exactly fits', { figures: { maxDatabaseConnections: 30 } }],
  ])('accepts %s', (_name, change) => {
    expect(() => pgbouncerIni({ ...OPTIONS, ...change })).not.toThrow();
  });

  test('allows an open file for each client and each server connection', () => {
    expect(pgbouncerOpenFiles(2)).toBe(1000 + 2 * 100 + 256);
    expect(pgbouncerOpenFiles(1, { maxClientConnections: 5000 })).toBe(5000 + 100 + 256);
  });
});

describe('the connection budget', () => {
  const one = { app: { host: 'a' } };

  test.each([
    // 450 connections over three poolers, a new one and one that stops.
    [450, 3, one, 90],
    [450, 1, one, 150],
    [450, 3, { app: { host: 'a' }, orders: { host: 'b' } }, 90],
    [450, 3, { app: { host: 'a' }, orders: { host: 'a' } }, 45],
    [4, 3, one, 0],
  ])('divides %d connections among %d poolers', (connections, poolers, databases, each) => {
    expect(connectionsPerPooler({ connections, poolers, databases })).toBe(each);
  });

  test('is kept while a pooler is replaced, for every fleet size', () => {
    for (let poolers = 1; poolers <= 20; poolers++) {
      const each = connectionsPerPooler({ connections: 450, poolers, databases: one });
      expect((poolers + 2) * each).toBeLessThanOrEqual(450);
      expect((poolers + 2) * (each + 1)).toBeGreaterThan(450);
    }
  });

  test('is based on the default figures that the capacity was planned with', () => {
    expect(PGBOUNCER_DEFAULTS).toMatchObject({
      maxClientConnections: 1000,
      defaultPoolSize: 25,
      maxDatabaseConnections: 100,
    });
  });
});
