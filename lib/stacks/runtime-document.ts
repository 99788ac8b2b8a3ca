import { type PhysicalNames, pooledDatabases, systemName } from '../model/config';
import type { RuntimeSettings } from '../model/contracts';
import type { CacheStack } from './cache-stack';
import type { DatabaseStack } from './database-stack';
import type { PoolerStack } from './pooler-stack';
import type { RegionStackProps } from './region-stack';

/**
 * What the document tells of: the caches, databases and poolers that the applications of a region
 * reach.
 */
export interface RuntimeDocumentProps extends RegionStackProps {
  readonly database: DatabaseStack;
  /** In a region with poolers. */
  readonly pooler?: PoolerStack;
  readonly cache: CacheStack;
}

/** The port of every instance of RDS here: no construct asks for another. */
const POSTGRES_PORT = 5432;

/** What the applications of a region must know of it. Hosts are known at deployment only. */
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
  // Outside the primary region, the hub: as for the poolers, nothing has to be told anew when it is
  // promoted.
  const writer = primary?.instance ?? replicas?.hub;
  if (writer === undefined) throw new Error(`${props.region} has no database; config checks that.`);
  return {
    name: databaseName,
    user: applicationUser,
    writer: { host: writer.dbInstanceEndpointAddress, port: POSTGRES_PORT, tls: 'verify-full' },
    // This name is in no certificate of RDS.
    readers: readers && { host: readers.name, port: POSTGRES_PORT, tls: 'verify-ca' },
    poolers: props.pooler && {
      host: names.poolers,
      port: props.pooler.pooler.endpoint.port,
      // Each has a certificate of its own making.
      tls: 'require',
      ...pooledDatabases(databaseName),
      secretName: poolerSecret,
    },
    pool: applicationPool,
  };
}
