import type {
  CacheServerSettings,
  DatabaseSettings,
  InvalidationSettings,
  RuntimeSettings,
  SettingsDatabaseEndpoint,
  StrategySettings,
} from '../../model/contracts';
import { IsochroneError } from '../../model/errors';
import { CACHE_STRATEGIES, type CacheStrategy } from '../tiered-cache';
import { FieldReader } from './fields';

const FIX =
  'Deploy the region again with the version of isochrone that the application has, ' +
  'or correct the document.';
const MAX_SECONDS = 366 * 86_400;
const MAX_MS = 600_000;

/**
 * Checks a settings document. Unknown fields are left out, because a newer deployment may add
 * fields. In a strategy they are refused, because they would silently not apply.
 *
 * @param document the text of the parameter, or its parsed JSON
 * @param where the name of the document, for error messages
 * @throws IsochroneError that names the invalid field
 */
export function parseSettings(document: unknown, where = 'The settings'): RuntimeSettings {
  const reader = new FieldReader(where, FIX);
  const root = reader.object(
    typeof document === 'string' ? parseJson(document, where) : document,
    '',
  );
  if (root.version !== 1) {
    reader.refuse(
      'version',
      root.version,
      '1',
      'This version of isochrone-runtime knows no other version of the document.',
    );
  }
  return reader.fields<RuntimeSettings>(root, '', {
    version: reader.oneOf([1]),
    region: reader.text,
    primaryRegion: reader.text,
    cache: (value, path) => cacheServer(reader, value, path),
    database: (value, path) => database(reader, value, path),
    strategies: (value, path) => strategies(reader, value ?? {}, path),
    invalidation: (value, path) => invalidation(reader, value, path),
  });
}

function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's message would quote the text, which may be another parameter, such as a password.
    throw new IsochroneError(
      `${where}: the document must be JSON, got ${text.length} characters that are not.\n` +
        `It is one JSON object per region. ${FIX}`,
    );
  }
}

function cacheServer(reader: FieldReader, value: unknown, path: string): CacheServerSettings {
  return reader.fields<CacheServerSettings>(value, path, {
    host: reader.text,
    port: reader.number(1, 65_535, true),
    tls: reader.flag,
    cluster: reader.flag,
    namespace: reader.text,
    iam: reader.optional((iam, at) =>
      reader.fields(iam, at, {
        replicationGroupId: reader.text,
        userName: reader.text,
        region: reader.text,
      }),
    ),
  });
}

function database(reader: FieldReader, value: unknown, path: string): DatabaseSettings {
  const endpoint = {
    host: reader.text,
    port: reader.number(1, 65_535, true),
    tls: reader.oneOf(['verify-full', 'verify-ca', 'require']),
  };
  const server = (found: unknown, at: string) =>
    reader.fields<SettingsDatabaseEndpoint>(found, at, endpoint);
  const time = reader.number(0, MAX_MS, true);
  const read = reader.fields<DatabaseSettings>(value, path, {
    name: reader.text,
    user: reader.text,
    writer: server,
    readers: reader.optional(server),
    poolers: reader.optional((poolers, at) =>
      reader.fields(poolers, at, {
        ...endpoint,
        read: reader.text,
        write: reader.text,
        secretName: reader.optional(reader.text),
      }),
    ),
    pool: (pool, at) =>
      reader.fields(pool, at, {
        minConnections: reader.number(0, 1000, true),
        maxConnections: reader.number(1, 1000, true),
        idleTimeoutMs: time,
        connectTimeoutMs: time,
        acquireTimeoutMs: time,
      }),
  });
  const { minConnections, maxConnections } = read.pool;
  if (minConnections > maxConnections) {
    reader.refuse(
      `${path}.pool.minConnections`,
      minConnections,
      `at most ${maxConnections}`,
      'Connections that are kept open count as open.',
    );
  }
  return read;
}

function invalidation(reader: FieldReader, value: unknown, path: string): InvalidationSettings {
  return reader.fields<InvalidationSettings>(value, path, {
    windowMs: reader.number(0, 10_000, true),
    distributionId: reader.optional(reader.text),
  });
}

function strategies(
  reader: FieldReader,
  value: unknown,
  path: string,
): Record<string, StrategySettings> {
  const seconds = reader.optional(reader.number(0, MAX_SECONDS));
  const read = Object.entries(reader.object(value, path)).map(([name, given]) => {
    const strategy = reader.fields<StrategySettings>(
      given,
      `${path}.${name}`,
      {
        prefix: reader.optional(reader.text),
        ttlSeconds: reader.optional(reader.number(0.001, MAX_SECONDS)),
        serializer: reader.optional(reader.oneOf(['json', 'msgpack'])),
        compress: reader.optional(reader.flag),
        staleSeconds: seconds,
        serveStale: reader.optional(reader.oneOf(['while-renewing', 'if-error'])),
        refreshAhead: reader.optional(reader.number(0.01, 1)),
        negativeTtlSeconds: seconds,
        jitter: reader.optional(reader.number(0, 0.5)),
        memoryTtlSeconds: seconds,
      },
      true,
    );
    if (strategy.ttlSeconds === undefined && !Object.hasOwn(CACHE_STRATEGIES, name)) {
      reader.refuse(
        `${path}.${name}.ttlSeconds`,
        undefined,
        'given',
        'The library has no figures for a new strategy.',
      );
    }
    return [name, strategy] as const;
  });
  // Object.fromEntries makes an own field even of the name `__proto__`.
  const checked = Object.fromEntries(read);
  for (const [name, { prefix }] of Object.entries(completed(checked))) {
    const other = Object.entries(completed(checked)).find(
      ([theirs, { prefix: taken }]) => theirs !== name && taken === prefix,
    );
    if (other) {
      reader.refuse(
        `${path}.${name}.prefix`,
        prefix,
        `another than that of ${other[0]}`,
        'The two would read each other’s values.',
      );
    }
  }
  return checked;
}

/** The standard strategies with a deployment's changes, and its new strategies. */
function completed(
  overrides: Readonly<Record<string, StrategySettings>>,
): Record<string, CacheStrategy> {
  const added = Object.entries(overrides).map(([name, override]) => {
    const standard = Object.hasOwn(CACHE_STRATEGIES, name)
      ? CACHE_STRATEGIES[name as keyof typeof CACHE_STRATEGIES]
      : undefined;
    const base = standard ?? { prefix: `${name}:`, serializer: 'json', compress: false };
    return [name, { ...base, ...override } as CacheStrategy] as const;
  });
  return { ...CACHE_STRATEGIES, ...Object.fromEntries(added) };
}

/**
 * All strategies by name: those of this library, with the changes of the region's settings, and
 * those that the deployment adds.
 */
export function strategiesOf<Settings extends Pick<RuntimeSettings, 'strategies'>>(
  settings: Settings,
): Readonly<
  Record<keyof typeof CACHE_STRATEGIES | (keyof Settings['strategies'] & string), CacheStrategy>
> {
  return completed(settings.strategies) as never;
}
