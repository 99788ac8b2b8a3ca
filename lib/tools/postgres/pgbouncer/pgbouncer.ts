/**
 * pgbouncer.ini from plain data. Every line is one that we mean: what stands at PgBouncer's own
 * default is left out.
 */
import { describeValue, IsochroneError } from '../../../model/errors';

/**
 * The sizes and times of one pooler, in PgBouncer's meaning of them. The deployment file names them
 * alike.
 */
export interface PgbouncerFigures {
  /** max_client_conn: clients that one pooler accepts. */
  readonly maxClientConnections: number;
  /** default_pool_size: server connections per user and database. */
  readonly defaultPoolSize: number;
  /** min_pool_size: server connections per user and database that are kept open. */
  readonly minPoolSize: number;
  /**
   * reserve_pool_size: further connections of a pool when a client has waited for
   * `reservePoolTimeoutSeconds`.
   */
  readonly reservePoolSize: number;
  readonly reservePoolTimeoutSeconds: number;
  /** max_db_connections: server connections to one entry of `databases`, of all users together. */
  readonly maxDatabaseConnections: number;
  /** server_idle_timeout: how long an unused server connection stays open. */
  readonly serverIdleTimeoutSeconds: number;
  /**
   * server_lifetime: the age at which an unused server connection is closed, so that load follows
   * new replicas.
   */
  readonly serverLifetimeSeconds: number;
  /** server_connect_timeout: how long opening a server connection, with its log-in, may take. */
  readonly serverConnectTimeoutSeconds: number;
  /**
   * query_wait_timeout: how long a query waits for a server connection before its client is
   * disconnected.
   */
  readonly queryWaitTimeoutSeconds: number;
  /**
   * max_prepared_statements: named statements that a server connection keeps prepared. PgBouncer
   * knows it from 1.21 on; 0 turns it off.
   */
  readonly maxPreparedStatements: number;
}

export const PGBOUNCER_DEFAULTS: PgbouncerFigures = {
  maxClientConnections: 1000,
  defaultPoolSize: 25,
  minPoolSize: 10,
  reservePoolSize: 5,
  reservePoolTimeoutSeconds: 3,
  maxDatabaseConnections: 100,
  serverIdleTimeoutSeconds: 600,
  serverLifetimeSeconds: 3600,
  serverConnectTimeoutSeconds: 15,
  queryWaitTimeoutSeconds: 120,
  maxPreparedStatements: 200,
};

/** Where one entry of `databases` leads. */
export interface PgbouncerDatabase {
  readonly host: string;
  /** 5432 without it. */
  readonly port?: number;
  /** The database there; without it, the one of the entry's name. */
  readonly databaseName?: string;
}

export interface PgbouncerOptions {
  /**
   * PgBouncer's version, such as `1.24`: an older one does not start with a setting that it does
   * not know.
   */
  readonly version: string;
  /** The databases by the name under which clients ask for them. */
  readonly databases: Readonly<Record<string, PgbouncerDatabase>>;
  /** What differs from {@link PGBOUNCER_DEFAULTS}. */
  readonly figures?: Partial<PgbouncerFigures>;
  readonly listenAddress: string;
  readonly listenPort: number;
  /**
   * Where the socket of the console is: the account that runs PgBouncer logs in there as
   * `pgbouncer`, without a password.
   */
  readonly socketDirectory: string;
  /** The users with their SCRAM verifiers: see pgbouncer-users.ts. */
  readonly authFile: string;
  /**
   * The certificate that clients see, and its key; 'off' accepts clients without TLS, on loopback.
   */
  readonly clientTls: { readonly certificateFile: string; readonly keyFile: string } | 'off';
  /**
   * How servers prove who they are. `verify-full` wants the host's name in the certificate,
   * `verify-ca` any certificate of these authorities; 'off' is for loopback.
   */
  readonly serverTls:
    | { readonly mode: 'verify-full' | 'verify-ca'; readonly authoritiesFile: string }
    | 'off';
  /**
   * Users that may read the console's figures over the network. They need a verifier in `authFile`.
   */
  readonly statsUsers?: readonly string[];
  /**
   * Parameters that clients send at log-in and that PgBouncer may ignore. It refuses every other
   * one that it does not follow, which is better than ignoring: a client that asks for a
   * statement_timeout must not be told that it has one.
   */
  readonly ignoredStartupParameters?: readonly string[];
}

/**
 * The first version that prepares named statements again on whichever server connection a
 * transaction gets.
 */
const PREPARED_STATEMENTS_SINCE = [1, 21] as const;

/**
 * Drivers send this one at log-in to read floats exactly; PostgreSQL does so by itself from 12 on.
 */
const IGNORED_STARTUP_PARAMETERS: readonly string[] = ['extra_float_digits'];

/**
 * The text of pgbouncer.ini.
 *
 * @throws IsochroneError for a value that would mean something else in the file, or that PgBouncer
 * would never reach
 */
export function pgbouncerIni(options: PgbouncerOptions): string {
  const figures = withDefaults(options.figures);
  checkFigures(figures);
  const { clientTls, serverTls } = options;
  const settings: Record<string, string | number> = {
    listen_addr: options.listenAddress,
    listen_port: options.listenPort,
    // A fleet of clients that loses its pooler comes back all at once; the default queue of 128
    // would drop most of them.
    listen_backlog: 1024,
    unix_socket_dir: options.socketDirectory,
    auth_type: 'scram-sha-256',
    auth_file: options.authFile,
    ...(clientTls === 'off'
      ? { client_tls_sslmode: 'disable' }
      : {
          client_tls_sslmode: 'require',
          client_tls_cert_file: clientTls.certificateFile,
          client_tls_key_file: clientTls.keyFile,
        }),
    ...(serverTls === 'off'
      ? { server_tls_sslmode: 'disable' }
      : { server_tls_sslmode: serverTls.mode, server_tls_ca_file: serverTls.authoritiesFile }),
    pool_mode: 'transaction',
    max_client_conn: figures.maxClientConnections,
    default_pool_size: figures.defaultPoolSize,
    min_pool_size: figures.minPoolSize,
    reserve_pool_size: figures.reservePoolSize,
    reserve_pool_timeout: figures.reservePoolTimeoutSeconds,
    max_db_connections: figures.maxDatabaseConnections,
    server_idle_timeout: figures.serverIdleTimeoutSeconds,
    server_lifetime: figures.serverLifetimeSeconds,
    server_connect_timeout: figures.serverConnectTimeoutSeconds,
    // After a failed log-in, clients are refused until this has passed: the default of 15 would
    // outlast most fail-overs.
    server_login_retry: 2,
    query_wait_timeout: figures.queryWaitTimeoutSeconds,
    ...(isAtLeast(options.version, PREPARED_STATEMENTS_SINCE)
      ? { max_prepared_statements: figures.maxPreparedStatements }
      : {}),
    ignore_startup_parameters: [
      ...IGNORED_STARTUP_PARAMETERS,
      ...(options.ignoredStartupParameters ?? []),
    ].join(','),
    ...(options.statsUsers?.length ? { stats_users: options.statsUsers.join(',') } : {}),
    // Load balancers forget connections that are silent for 350 s, and tell neither side.
    tcp_keepidle: 120,
    tcp_keepintvl: 30,
    tcp_keepcnt: 3,
    // Health checks connect all the time. What goes wrong is logged either way.
    log_connections: 0,
    log_disconnections: 0,
  };
  const lines = [
    '[databases]',
    ...Object.entries(options.databases).map(([name, database]) => databaseLine(name, database)),
    '[pgbouncer]',
    ...Object.entries(settings).map(([name, value]) => `${name} = ${plain(name, value)}`),
  ];
  return `${lines.join('\n')}\n`;
}

/**
 * Files that PgBouncer may have open at once, for LimitNOFILE: a socket per client, one per server
 * connection, and some for itself. systemd's default of 1024 refuses the last clients of a
 * thousand.
 */
export function pgbouncerOpenFiles(databases: number, given?: Partial<PgbouncerFigures>): number {
  const figures = withDefaults(given);
  return figures.maxClientConnections + databases * figures.maxDatabaseConnections + 256;
}

/** The figures with the defaults where nothing is given; an explicit undefined is nothing. */
export function withDefaults(figures: Partial<PgbouncerFigures> = {}): PgbouncerFigures {
  const given = Object.entries(figures).filter(([, value]) => value !== undefined);
  return { ...PGBOUNCER_DEFAULTS, ...Object.fromEntries(given) };
}

function databaseLine(
  name: string,
  { host, port = 5432, databaseName = name }: PgbouncerDatabase,
): string {
  if (!/^[A-Za-z_][\w-]*$/.test(name) || name === 'pgbouncer') {
    refuse(
      'databases',
      name,
      'a name of letters, digits, _ and -, and not pgbouncer',
      "`pgbouncer` is PgBouncer's own console.",
      'Rename it.',
    );
  }
  // A comma is refused too: PgBouncer takes a list of hosts in turn, and goes on using one that is
  // down.
  const values = {
    [`databases.${name}.host`]: host,
    [`databases.${name}.databaseName`]: databaseName,
  };
  for (const [property, value] of Object.entries(values)) {
    if (/^[^\s'",;=]+$/.test(value)) continue;
    refuse(
      property,
      value,
      'one word',
      'The file has one line per database.',
      'Give a name without spaces, quotes and commas.',
    );
  }
  return `${name} = host=${host} port=${port} dbname=${databaseName}`;
}

function checkFigures(figures: PgbouncerFigures): void {
  for (const [name, value] of Object.entries(figures)) {
    if (Number.isInteger(value) && value >= 0) continue;
    refuse(
      name,
      value,
      'a whole number, 0 or more',
      'PgBouncer counts connections and seconds.',
      'Round it.',
    );
  }
  const { defaultPoolSize, minPoolSize, reservePoolSize, maxDatabaseConnections } = figures;
  if (defaultPoolSize < 1 || maxDatabaseConnections < 1 || figures.maxClientConnections < 1) {
    refuse(
      'maxClientConnections, defaultPoolSize and maxDatabaseConnections',
      [figures.maxClientConnections, defaultPoolSize, maxDatabaseConnections],
      'at least 1',
      'Zero means no limit to PgBouncer, or nobody at all.',
      'Give the numbers that the server can bear.',
    );
  }
  if (minPoolSize > defaultPoolSize) {
    refuse(
      'minPoolSize',
      minPoolSize,
      `at most ${defaultPoolSize}`,
      'PgBouncer never opens more than default_pool_size.',
      'Lower it.',
    );
  }
  if (defaultPoolSize + reservePoolSize > maxDatabaseConnections) {
    refuse(
      'maxDatabaseConnections',
      maxDatabaseConnections,
      `at least ${defaultPoolSize + reservePoolSize}`,
      'One pool with its reserve must fit under max_db_connections, or the reserve can never open.',
      'Raise it, or lower `defaultPoolSize` or `reservePoolSize`.',
    );
  }
}

function isAtLeast(version: string, [major, minor]: readonly [number, number]): boolean {
  const [, ofMajor, ofMinor] = /^(\d+)\.(\d+)(\.\d+)?$/.exec(version) ?? [];
  if (ofMajor === undefined) {
    refuse(
      'version',
      version,
      'two or three numbers, such as 1.24',
      'What the file may say depends on it.',
      'Ask `pgbouncer --version`.',
    );
  }
  return Number(ofMajor) > major || (Number(ofMajor) === major && Number(ofMinor) >= minor);
}

/** A value on its line: a line break would begin another setting. */
function plain(name: string, value: string | number): string {
  if (/[\r\n\0]/.test(String(value)))
    refuse(
      name,
      value,
      'one line',
      'Each setting has one line of the file.',
      'Take the line break out.',
    );
  return String(value);
}

function refuse(
  property: string,
  value: unknown,
  allowed: string,
  rule: string,
  fix: string,
): never {
  throw new IsochroneError(
    `pgbouncer.ini: ${property} must be ${allowed}, got ${describeValue(value)}.\n${rule} ${fix}`,
  );
}
