import type { ConnectionOptions } from 'node:tls';
import type { RuntimeSettings, SettingsDatabaseEndpoint } from '../../model/contracts';
import { IsochroneError } from '../../model/errors';
import { ReplicaPool, type ReplicaPoolOptions, type ReplicaServer, rdsToken } from '../replicas';
import { type AwsKeys, optionalPackage } from '../shared';
import { TieredCache, type TieredCacheOptions } from '../tiered-cache';
import { elastiCacheToken, ValkeyServer, type ValkeyServerOptions } from '../valkey';

/** Options of `openRuntime`: choices that the settings leave to the application. */
export interface OpenRuntimeOptions {
  /** @default - those of `TieredCache` */
  readonly cache?: Omit<TieredCacheOptions, 'server'>;
  /** @default - the settings' address and login, and else the defaults of `ValkeyServer` */
  readonly server?: Partial<ValkeyServerOptions>;
  /** @default - the figures of the settings, half for the writer and half for the readers */
  readonly database?: Omit<ReplicaPoolOptions, 'writer' | 'readers'>;
  /**
   * The certificate authorities of RDS, as PEM: the certificate bundle of the region, from the
   * Amazon RDS user guide.
   *
   * @default - those of Node.js, which include RDS's only with `NODE_EXTRA_CA_CERTS`
   */
  readonly databaseAuthorities?: string;
  /**
   * The source of the keys that sign login tokens.
   *
   * @default - the SDK's default chain
   */
  readonly credentials?: () => Promise<AwsKeys>;
  /**
   * Reads the text of a secret by its name.
   *
   * @default - `GetSecretValue` of `@aws-sdk/client-secrets-manager`, which must be installed
   */
  readonly readSecret?: (name: string) => Promise<string | undefined>;
}

/** The cache and the database of a region, opened with its settings. */
export interface Runtime {
  readonly cache: TieredCache;
  /**
   * The server that the cache shares with other processes. An `Invalidator` scans it. Closing the
   * cache closes it.
   */
  readonly server: ValkeyServer;
  readonly database: ReplicaPool;
  /** Closes the cache and the database. If both fail, the cache's error is thrown. */
  close(): Promise<void>;
}

/**
 * Opens the cache and the database of a region. If the settings name a secret for the poolers, the
 * database is reached through them; otherwise directly, with IAM tokens. It waits only for the
 * secret: the cache and the pool handle servers that are unavailable.
 *
 * @throws IsochroneError for a secret that cannot be used, and for a package that is not installed
 */
export async function openRuntime(
  settings: RuntimeSettings,
  options: OpenRuntimeOptions = {},
): Promise<Runtime> {
  const pool = await poolOptions(settings, options);
  const server = new ValkeyServer({ ...serverOptions(settings, options), ...options.server });
  const cache = new TieredCache({ ...options.cache, server });
  const close = async (database?: ReplicaPool) => {
    // If one cannot be closed, the other still is.
    const [first, second] = await Promise.allSettled([cache.close(), database?.close()]);
    for (const outcome of [first, second]) if (outcome?.status === 'rejected') throw outcome.reason;
  };
  try {
    const database = new ReplicaPool({ ...pool, ...options.database });
    return { cache, server, database, close: () => close(database) };
  } catch (error) {
    await close();
    throw error;
  }
}

function serverOptions(
  { cache }: RuntimeSettings,
  { credentials }: OpenRuntimeOptions,
): ValkeyServerOptions {
  const { host, port, tls, cluster, namespace, iam } = cache;
  if (iam === undefined) return { host, port, tls, cluster, namespace };
  const { replicationGroupId: cacheName, userName, region } = iam;
  return {
    host,
    port,
    tls,
    cluster,
    namespace,
    username: userName,
    password: elastiCacheToken({ cacheName, userName, region, credentials }),
  };
}

/** The options of the database's pool. */
export async function poolOptions(
  settings: RuntimeSettings,
  options: OpenRuntimeOptions,
): Promise<ReplicaPoolOptions> {
  const { poolers, pool } = settings.database;
  const ssl = (tls: SettingsDatabaseEndpoint['tls']) =>
    sslOptions(tls, options.databaseAuthorities);
  const servers =
    poolers?.secretName === undefined
      ? directly(settings, options)
      : await throughPoolers(poolers, poolers.secretName, options);
  const count = servers.readers.length === 0 ? 1 : 2;
  // A pool needs at least two connections: one checks the health of a reader.
  const max = Math.max(2, Math.floor(pool.maxConnections / count));
  return {
    writer: { ...servers.writer, ssl: ssl(servers.writer.tls) },
    readers: servers.readers.map((reader) => ({ ...reader, ssl: ssl(reader.tls) })),
    max,
    min: Math.min(max, Math.floor(pool.minConnections / count)),
    idleTimeoutMs: Math.max(1, pool.idleTimeoutMs),
    connectTimeoutMs: Math.max(1, pool.connectTimeoutMs),
    acquireTimeoutMs: Math.max(1, pool.acquireTimeoutMs),
  };
}

type Server = ReplicaServer & Pick<SettingsDatabaseEndpoint, 'tls'>;

interface Servers {
  readonly writer: Server;
  readonly readers: readonly Server[];
}

/**
 * The servers without poolers. A token is valid for the name of one instance, so the readers'
 * common name cannot be used. Outside the primary region, `writer` is the hub, which answers reads.
 */
function directly(
  { database, region, primaryRegion }: RuntimeSettings,
  { credentials }: OpenRuntimeOptions,
): Servers {
  const { name, user } = database;
  const { host, port, tls } = database.writer;
  const writer = {
    host,
    port,
    tls,
    user,
    database: name,
    password: rdsToken({ host, port, user, region, credentials }),
  };
  return { writer, readers: region === primaryRegion ? [] : [writer] };
}

async function throughPoolers(
  { host, port, tls, read, write }: NonNullable<RuntimeSettings['database']['poolers']>,
  secretName: string,
  { readSecret = secretsManager() }: OpenRuntimeOptions,
): Promise<Servers> {
  const { username: user, password } = login(await readSecret(secretName), secretName);
  return {
    writer: { host, port, tls, user, password, database: write },
    readers: [{ host, port, tls, user, password, database: read }],
  };
}

/** The login in a secret. Error messages never contain the secret's value. */
function login(
  text: string | undefined,
  name: string,
): { readonly username: string; readonly password: string } {
  let secret: { readonly username?: unknown; readonly password?: unknown } | null | undefined;
  try {
    secret = text === undefined ? undefined : JSON.parse(text);
  } catch {
    // Handled below, like a secret without the fields.
  }
  const { username, password } = secret ?? {};
  if (
    typeof username === 'string' &&
    username !== '' &&
    typeof password === 'string' &&
    password !== ''
  )
    return { username, password };
  throw new IsochroneError(
    `openRuntime: the secret ${name} must be a JSON object with \`username\` and \`password\`, ` +
      `got ${text === undefined ? 'none' : 'something else'}.\n` +
      'Applications log in through the poolers with it. ' +
      'Write it in this region, as docs/runtime/settings.md says.',
  );
}

function sslOptions(
  tls: SettingsDatabaseEndpoint['tls'],
  ca: string | undefined,
): ConnectionOptions {
  if (tls === 'require') return { rejectUnauthorized: false };
  return {
    rejectUnauthorized: true,
    ca,
    ...(tls === 'verify-ca' ? { checkServerIdentity: () => undefined } : {}),
  };
}

function secretsManager(): (name: string) => Promise<string | undefined> {
  return async (SecretId) => {
    type Package = typeof import('@aws-sdk/client-secrets-manager');
    const load = (): Package => require('@aws-sdk/client-secrets-manager');
    const sdk = optionalPackage('@aws-sdk/client-secrets-manager', 'openRuntime', load);
    const client = new sdk.SecretsManagerClient();
    try {
      return (await client.send(new sdk.GetSecretValueCommand({ SecretId }))).SecretString;
    } finally {
      client.destroy();
    }
  };
}
