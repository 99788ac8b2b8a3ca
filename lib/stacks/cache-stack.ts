import { CfnOutput, Duration, Fn, TimeZone } from 'aws-cdk-lib';
import { Schedule } from 'aws-cdk-lib/aws-applicationautoscaling';
import type * as ec2 from 'aws-cdk-lib/aws-ec2';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import {
  type CacheFoundationProps,
  type CacheScaling,
  GlobalCache,
  GlobalCacheSecondary,
  type IRegionalCache,
  RegionalCache,
} from '../constructs/cache';
import {
  type DeploymentCacheScaling,
  globalCachePrimary,
  secondaryCacheRegions,
} from '../model/config';
import {
  GLOBAL_CACHE_OUTPUT,
  RegionStack,
  type RegionStackProps,
  regionSettings,
  stackNameOf,
} from './region-stack';

export interface CacheStackProps extends RegionStackProps {
  readonly vpc: ec2.IVpc;
  readonly key: kms.IKey;
}

/** The cache of a region: independent, or a member of the deployment's Global Datastore. */
export class CacheStack extends RegionStack {
  public readonly cache: IRegionalCache;
  /** Whether the cache follows the primary cache, and only serves reads. */
  public readonly isSecondary: boolean;
  /** Whether the cache is in the deployment's Global Datastore, which sets its number of shards. */
  public readonly isMember: boolean;

  constructor(scope: Construct, id: string, props: CacheStackProps) {
    super(scope, id, props, { description: 'Valkey' });
    const { cache } = this.deployment;
    const primaryRegion = globalCachePrimary(this.deployment);
    const secondaries = secondaryCacheRegions(this.deployment);
    this.isSecondary = secondaries.includes(props.region);
    this.isMember = this.isSecondary || props.region === primaryRegion;
    const foundation: CacheFoundationProps = {
      vpc: props.vpc,
      replicasPerShard: cache.replicasPerShard,
      snapshotRetentionDays: cache.snapshotRetentionDays,
      snapshotWindow: cache.snapshotWindow,
      maintenanceWindow: regionSettings(props).cacheMaintenanceWindow ?? cache.maintenanceWindow,
      logEncryptionKey: props.key,
      removalPolicy: this.removalPolicy,
    };
    if (this.isSecondary && primaryRegion !== undefined) {
      // With another construct id: an independent cache cannot join, and CloudFormation would try
      // to update it into a member.
      this.cache = new GlobalCacheSecondary(this, 'Secondary', {
        ...foundation,
        primaryRegion,
        globalReplicationGroupId: Fn.getStackOutput(
          stackNameOf(this.deployment, primaryRegion, 'Cache'),
          GLOBAL_CACHE_OUTPUT,
          primaryRegion,
        ),
      });
      return;
    }
    const own = new RegionalCache(this, 'Cache', {
      ...foundation,
      engineVersion: cache.engineVersion,
      nodeType: cache.nodeType,
      shards: cache.shards,
      scaling: cache.scaling && cacheScaling(cache.scaling, props.region),
      maxmemoryPolicy: cache.maxmemoryPolicy,
      reservedMemoryPercent: cache.reservedMemoryPercent,
      slowLogThreshold: Duration.millis(cache.slowCommandMs),
    });
    this.cache = own;
    if (cache.global === undefined || !this.isMember) return;
    const { globalReplicationGroupId } = new GlobalCache(this, 'Global', {
      primary: own,
      secondaryRegions: secondaries,
      idSuffix: this.names.globalCacheSuffix,
      engineVersion: cache.global.engineVersion,
      nodeType: cache.global.nodeType,
      shards: cache.global.shards,
      removalPolicy: this.removalPolicy,
    });
    // ElastiCache generates a part of the id, so other regions cannot derive it.
    new CfnOutput(this, GLOBAL_CACHE_OUTPUT, {
      value: globalReplicationGroupId,
      description: 'What the caches of other regions join',
    });
  }
}

/** The scaling of one region, with the schedules that apply there. */
function cacheScaling(scaling: DeploymentCacheScaling, region: string): CacheScaling {
  const { schedules, ...bounds } = scaling;
  return {
    ...bounds,
    schedules: schedules
      .filter(({ regions }) => regions?.includes(region) ?? true)
      .map(({ name, cron, timeZone, minShards, maxShards }) => ({
        name,
        schedule: Schedule.expression(`cron(${cron})`),
        timeZone: TimeZone.of(timeZone),
        minShards,
        maxShards,
      })),
  };
}
