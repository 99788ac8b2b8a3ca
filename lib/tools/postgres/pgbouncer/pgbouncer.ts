/**
 * pgbouncer.ini from plain data, and the connection budget of a fleet of poolers. The file has only
 * settings that differ from PgBouncer's own defaults.
 */
import { invalidOption } from '../../../model/errors';
import { brokenRule, pgbouncerRules } from '../../../model/rules';

/**
 * The sizes and times of one pooler, as PgBouncer defines them. The deployment file has the same
 * names.
 */
export interface PgbouncerFigures {
  /** max_client_conn: clients that one pooler accepts. */
  readonly maxClientConnections: number;
  /** default_pool_size: server connections per user and database. */
  readonly defaultPoolSize: number;
  /** min_pool_size: server connections per user and database that are kept open. */
  readonly minPoolSize: number;
  /**
   * reserve_pool_size: additional connections of a pool when a client has waited for
   * `reservePoolTimeoutSeconds`.
   */
  readonly reservePoolSize: number;
  /** reserve_pool_timeout: how long a client waits before its pool uses the reserve. */
  readonly reservePoolTimeoutSeconds: number;
  /** max_db_connections: server connections to one entry of `databases`, for all users together. */
  readonly maxDatabaseConnections: number;
  /** server_idle_timeout: how long an unused server connection stays open. */
  readonly serverIdleTimeoutSeconds: number;
  /**
   * server_lifetime: the age at which an unused server connection is closed, so that new replicas
   * get load.
   */
  readonly serverLifetimeSeconds: number;
  /** server_connect_timeout: how long opening a server connection with its log-in may take. */
  readonly serverConnectTimeoutSeconds: number;
  /**
   * query_wait_timeout: how long a query waits for a server connection before its client is
   * disconnected.
   */
  readonly queryWaitTimeoutSeconds: number;
  /**
   * max_prepared_statements: named statements that a server connection keeps prepared. PgBouncer
   * supports it from 1.21 on; 0 turns it off.
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

/** The database that one entry of `databases` connects to. */
export interface PgbouncerDatabase {
  readonly host: string;
  /** @default 5432 */
  readonly port?: number;
  /**
   * The database on the host.
   *
   * @default - the name of the entry
   */
  readonly databaseName?: string;
}

export interface PgbouncerOptions {
  /**
   * PgBouncer's version, such as `1.24`. A version does not start with a setting that it does not
   * know.
   */
  readonly version: string;
  /** The databases by the name under which clients request them. */
  readonly databases: Readonly<Record<string, PgbouncerDatabase>>;
  /**
   * The figures that differ from {@link PGBOUNCER_DEFAULTS}.
   *
   * @default - none
   */
  readonly figures?: Partial<PgbouncerFigures>;
  readonly listenAddress: string;
  readonly listenPort: number;
  /**
   * The folder of the console's socket. The account that runs PgBouncer logs in there as
   * `pgbouncer`, without a password.
   */
  readonly socketDirectory: string;
  /** The file of the users with their SCRAM verifiers: see users.ts. */
  readonly authFile: string;
  /**
   * The certificate for clients and its key. `off` accepts clients without TLS, for use on
   * loopback.
   */
  readonly clientTls: { readonly certificateFile: string; readonly keyFile: string } | 'off';
  /**
   * How servers prove their identity. `verify-full` requires the host name in the certificate,
   * `verify-ca` any certificate of these authorities; `off` is for loopback.
   */
  readonly serverTls:
    | { readonly mode: 'verify-full' | 'verify-ca'; readonly authoritiesFile: string }
    | 'off';
  /**
   * Users that may read the figures of the console over the network. They need a verifier in
   * `authFile`.
   *
   * @default - none
   */
  readonly statsUsers?: readonly string[];
  /**
   * Parameters that clients send at log-in and that PgBouncer may ignore. It refuses every other
   * parameter that it does not track, which is better than ignoring it: a client that sets a
   * statement_timeout must not believe that the timeout applies.
   *
   * @default - none besides extra_float_digits
   */
  readonly ignoredStartupParameters?: readonly string[];
}

const FILE = 'pgbouncer.ini';

/**
 * The first version that prepares a named statement again on whichever server connection a
 * transaction gets.
 */
const PREPARED_STATEMENTS_SINCE = [1, 21] as const;

/**
 * Drivers send this parameter at log-in to read floats exactly. PostgreSQL does so by default from
 * 12 on.
 */
const IGNORED_STARTUP_PARAMETERS: readonly string[] = ['extra_float_digits'];

/**
 * The text of pgbouncer.ini.
 *
 * @throws IsochroneError for a value that would have another meaning in the file, or that PgBouncer
 * could never reach
 */
export function pgbouncerIni(options: PgbouncerOptions): string {
  const figures = withDefaults(options.figures);
  checkFigures(figures);
  const { clientTls, serverTls } = options;
  const settings: Record<string, string | number> = {
    listen_addr: options.listenAddress,
    listen_port: options.listenPort,
    // A fleet of clients that loses its pooler reconnects all at once. The default queue of 128
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
    // PgBouncer refuses clients for this long after a failed log-in. The default of 15 would
    // outlast most failovers.
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
    // Load balancers drop connections that are silent for 350 s, and notify neither side.
    tcp_keepidle: 120,
    tcp_keepintvl: 30,
    tcp_keepcnt: 3,
    // Health checks connect constantly. Errors are logged in any case.
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
 * The files that PgBouncer may have open at once, for LimitNOFILE: a socket per client, one per
 * server connection, and some of its own. The systemd default of 1024 would refuse the last of a
 * thousand clients.
 */
export function pgbouncerOpenFiles(databases: number, given?: Partial<PgbouncerFigures>): number {
  const figures = withDefaults(given);
  return figures.maxClientConnections + databases * figures.maxDatabaseConnections + 256;
}

/** Completes the figures with the defaults. An explicit undefined counts as missing. */
export function withDefaults(figures: Partial<PgbouncerFigures> = {}): PgbouncerFigures {
  const given = Object.entries(figures).filter(([, value]) => value !== undefined);
  return { ...PGBOUNCER_DEFAULTS, ...Object.fromEntries(given) };
}

function databaseLine(
  name: string,
  { host, port = 5432, databaseName = name }: PgbouncerDatabase,
): string {
  if (!/^[A-Za-z_][\w-]*$/.test(name) || name === 'pgbouncer') {
    throw invalidOption(FILE, {
      property: 'databases',
      value: name,
      allowed: 'a name of letters, digits, _ and -, other than pgbouncer',
      rule: "`pgbouncer` is the name of PgBouncer's console.",
      fix: 'Rename it.',
    });
  }
  // A comma is refused too: PgBouncer would use a list of hosts in turn, and continue to use one
  // that is down.
  const values = {
    [`databases.${name}.host`]: host,
    [`databases.${name}.databaseName`]: databaseName,
  };
  for (const [property, value] of Object.entries(values)) {
    if (/^[^\s'",;=]+$/.test(value)) continue;
    throw invalidOption(FILE, {
      property,
      value,
      allowed: 'one word',
      rule: 'PgBouncer reads each entry as words of one line.',
      fix: 'Use a name without spaces, quotes and commas.',
    });
  }
  return `${name} = host=${host} port=${port} dbname=${databaseName}`;
}

function checkFigures(figures: PgbouncerFigures): void {
  for (const [name, value] of Object.entries(figures)) {
    if (Number.isInteger(value) && value >= 0) continue;
    throw invalidOption(FILE, {
      property: name,
      value,
      allowed: 'a whole number, 0 or more',
      rule: 'PgBouncer counts connections and seconds.',
      fix: 'Round it.',
    });
  }
  const { defaultPoolSize, maxDatabaseConnections } = figures;
  if (defaultPoolSize < 1 || maxDatabaseConnections < 1 || figures.maxClientConnections < 1) {
    throw invalidOption(FILE, {
      property: 'maxClientConnections, defaultPoolSize and maxDatabaseConnections',
      value: [figures.maxClientConnections, defaultPoolSize, maxDatabaseConnections],
      allowed: 'at least 1',
      rule: 'To PgBouncer, zero means no limit or no client at all.',
      fix: 'Use numbers that the server can sustain.',
    });
  }
  const rules = {
    minPoolSize: pgbouncerRules.MIN_POOL_SIZE,
    maxDatabaseConnections: pgbouncerRules.MAX_DATABASE_CONNECTIONS,
  };
  for (const property of ['minPoolSize', 'maxDatabaseConnections'] as const) {
    const broken = brokenRule(rules[property], figures[property], figures);
    if (broken) throw invalidOption(FILE, { property, value: figures[property], ...broken });
  }
}

function isAtLeast(version: string, [major, minor]: readonly [number, number]): boolean {
  const [, ofMajor, ofMinor] = /^(\d+)\.(\d+)(\.\d+)?$/.exec(version) ?? [];
  if (ofMajor === undefined) {
    throw invalidOption(FILE, {
      property: 'version',
      value: version,
      allowed: 'two or three numbers, such as 1.24',
      rule: 'The settings that the file may have depend on it.',
      fix: 'Run `pgbouncer --version`.',
    });
  }
  return Number(ofMajor) > major || (Number(ofMajor) === major && Number(ofMinor) >= minor);
}

/** A value on one line. A line break would start another setting. */
function plain(name: string, value: string | number): string {
  if (/[\r\n\0]/.test(String(value)))
    throw invalidOption(FILE, {
      property: name,
      value,
      allowed: 'one line',
      rule: 'Each setting has one line of the file.',
      fix: 'Remove the line break.',
    });
  return String(value);
}

export interface ConnectionBudget {
  /**
   * The connections of one PostgreSQL instance for the poolers of a region: max_connections less
   * the reserve.
   */
  readonly connections: number;
  /** How many poolers the region has. */
  readonly poolers: number;
  readonly databases: Readonly<Record<string, PgbouncerDatabase>>;
}

/**
 * The highest max_db_connections with which all poolers of a region stay within the connections of
 * a PostgreSQL instance. PgBouncer counts per entry of `databases`, PostgreSQL counts all together,
 * so entries with one host share its budget. A host name of several replicas counts as one
 * instance, since all but one may be down.
 */
export function connectionsPerPooler({
  connections,
  poolers,
  databases,
}: ConnectionBudget): number {
  return Math.floor(
    connections /
      ((poolers + pgbouncerRules.POOLERS_IN_EXCHANGE) * entriesOfBusiestHost(databases)),
  );
}

/** The most entries of `databases` that share one host; at least 1. */
export function entriesOfBusiestHost(
  databases: Readonly<Record<string, PgbouncerDatabase>>,
): number {
  const entries = new Map<string, number>();
  for (const { host } of Object.values(databases)) entries.set(host, (entries.get(host) ?? 0) + 1);
  return Math.max(1, ...entries.values());
}
