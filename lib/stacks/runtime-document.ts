import { type PhysicalNames, pooledDatabases, systemName } from '../model/config';
import type { RuntimeSettings } from '../model/contracts';
import type { CacheStack } from './cache-stack';
import type { DatabaseStack } from './database-stack';
import type { PoolerStack } from './pooler-stack';
import type { RegionStackProps } from './region-stack';

/** The stacks that the applications of a region connect to. */
export interface RuntimeDocumentProps extends RegionStackProps {
  readonly database: DatabaseStack;
  /** In a region with poolers. */
  readonly pooler?: PoolerStack;
  readonly cache: CacheStack;
}

/** The port of every RDS instance: no construct sets another. */
const POSTGRES_PORT = 5432;

/** The settings of a region's applications. Hosts are only known at deployment. */
export function runtimeDocument(
  props: RuntimeDocumentProps,
  names: PhysicalNames,
): RuntimeSettings {
  const { deployment, region, cache } = props;
  return {
    version: 1,
    region,
    primaryRegion: deployment.primaryRegion,
    cache: {
      host: cache.cache.configurationEndpoint.hostname,
      port: cache.cache.configurationEndpoint.port,
      tls: true,
      cluster: true,
      namespace: systemName(deployment),
      iam: {
        replicationGroupId: cache.cache.replicationGroupId,
        userName: cache.cache.userName,
        region,
      },
    },
    database: databaseDocument(props, names),
    strategies: deployment.cache.strategies,
    invalidation: { windowMs: deployment.cache.invalidationWindowMs },
  };
}

function databaseDocument(
  props: RuntimeDocumentProps,
  names: PhysicalNames,
): RuntimeSettings['database'] {
  const { databaseName, applicationUser, applicationPool, poolerSecret } =
    props.deployment.database;
  const { primary, replicas, readers } = props.database;
  // Outside the primary region, the hub. As for the poolers, a promotion needs no new settings.
  const writer = primary?.instance ?? replicas?.hub;
  if (writer === undefined) throw new Error(`${props.region} has no database; config checks that.`);
  return {
    name: databaseName,
    user: applicationUser,
    writer: { host: writer.dbInstanceEndpointAddress, port: POSTGRES_PORT, tls: 'verify-full' },
    // No certificate of RDS contains this name.
    readers: readers && { host: readers.name, port: POSTGRES_PORT, tls: 'verify-ca' },
    poolers: props.pooler && {
      host: names.poolers,
      port: props.pooler.pooler.endpoint.port,
      // Each pooler has a self-signed certificate.
      tls: 'require',
      ...pooledDatabases(databaseName),
      secretName: poolerSecret,
    },
    pool: applicationPool,
  };
}
