import type { ConnectionOptions } from 'node:tls';
import type { RuntimeSettings, SettingsDatabaseEndpoint } from '../../model/contracts';
import { IsochroneError } from '../../model/errors';
import { ReplicaPool, type ReplicaPoolOptions, type ReplicaServer, rdsToken } from '../replicas';
import { type AwsKeys, optionalPackage } from '../shared';
import { TieredCache, type TieredCacheOptions } from '../tiered-cache';
import { elastiCacheToken, ValkeyServer, type ValkeyServerOptions } from '../valkey';

/** What the settings leave open. */
export interface OpenRuntimeOptions {
  /** @default those of `TieredCache` */
  readonly cache?: Omit<TieredCacheOptions, 'server'>;
  /** @default those of `ValkeyServer`; where it is and how to log in is as the settings say */
  readonly server?: Partial<ValkeyServerOptions>;
  /** @default the figures of the settings, half for the writer and half for the readers */
  readonly database?: Omit<ReplicaPoolOptions, 'writer' | 'readers'>;
  /**
   * Certificates of the authorities that RDS has its own from, as PEM: the bundle of the region,
   * from the Amazon RDS user guide.
   *
   * @default those that Node.js knows, which have RDS's only with `NODE_EXTRA_CA_CERTS`
   */
  readonly databaseAuthorities?: string;
  /**
   * Where the keys come from that tokens are signed with.
   *
   * @default the SDK's usual chain
   */
  readonly credentials?: () => Promise<AwsKeys>;
  /**
   * The text of a secret, by its name.
   *
   * @default `GetSecretValue` of `@aws-sdk/client-secrets-manager`, which must be installed
   */
  readonly readSecret?: (name: string) => Promise<string | undefined>;
}

/** What an application of a region needs, connected as the settings say. */
export interface Runtime {
  readonly cache: TieredCache;
  /**
   * What the cache shares with other processes: an `Invalidator` searches it. It is closed with the
   * cache.
   */
  readonly server: ValkeyServer;
  readonly database: ReplicaPool;
  /** Ends both, the cache first. */
  close(): Promise<void>;
}

/**
 * Opens the cache and the database of a region: through the poolers where the settings name a
 * secret for them, else directly, with tokens of IAM. Nothing is waited for but the secret: a
 * server that is away is the cache's and the pool's to bear.
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
    // One that cannot be closed must not keep the other open.
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

/** How the database is connected to. */
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
  // A pool wants two connections at least: one is for looking after a reader.
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
 * A token is for the name of an instance, so the readers' common name cannot be logged in to.
 * Outside the primary region, `writer` is a hub, which reads.
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

/** Never the value in the message: it is a secret. */
function login(
  text: string | undefined,
  name: string,
): { readonly username: string; readonly password: string } {
  let secret: { readonly username?: unknown; readonly password?: unknown } | null | undefined;
  try {
    secret = text === undefined ? undefined : JSON.parse(text);
  } catch {
    // As one without the fields.
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
    `openRuntime: the secret ${name} must be a JSON object with \`username\` and \`password\`, got ${text === undefined ? 'none' : 'something else'}.\n` +
      'By it, applications log in through the poolers. Write it in this region, as docs/runtime/settings.md says.',
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

/** As much of the SDK's client as is used, so that any version 3 will do. */
interface SecretsManagerPackage {
  readonly SecretsManagerClient: new () => {
    send(command: unknown): Promise<{ readonly SecretString?: string }>;
    destroy(): void;
  };
  readonly GetSecretValueCommand: new (input: { readonly SecretId: string }) => unknown;
}

function secretsManager(): (name: string) => Promise<string | undefined> {
  return async (SecretId) => {
    const load = () => require('@aws-sdk/client-secrets-manager') as SecretsManagerPackage;
    const sdk = optionalPackage('@aws-sdk/client-secrets-manager', 'openRuntime', load);
    const client = new sdk.SecretsManagerClient();
    try {
      return (await client.send(new sdk.GetSecretValueCommand({ SecretId }))).SecretString;
    } finally {
      client.destroy();
    }
  };
}
