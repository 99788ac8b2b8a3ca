import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as elasticache from 'aws-cdk-lib/aws-elasticache';
import type { Construct } from 'constructs';
import { checkRule } from '../house-rules';
import { CACHE_PORT, CacheBase } from './cache-base';
import { checkNodeType, checkShards, valkeyVersion } from './checks';
import {
  type CacheFoundation,
  type CacheFoundationProps,
  CreatedCache,
  cacheFoundation,
} from './foundation';
import type { CacheEndpoint, IRegionalCache, RegionalCacheAttributes } from './interfaces';
import { type CacheParameterProps, engineParameters, parameterFamily } from './parameters';
import { type CacheScaling, checkScaling, scaleCache } from './scaling';

export interface RegionalCacheProps extends CacheFoundationProps, CacheParameterProps {
  /**
   * Shards that the keys are spread over; at least 1. A cluster has at most 90 nodes, replicas
   * included. The number changes online, without a new cache; keys move while it serves. Change
   * nothing else in the same deployment: CloudFormation reshards only then.
   *
   * With `scaling`, it is only the number that the cache is created with: leave it as it was then.
   * Another number would reshard the cache to it once.
   *
   * @default 2
   */
  readonly shards?: number;
  /**
   * The type of every node. Changed online.
   *
   * @default 'cache.r7g.large'
   */
  readonly nodeType?: string;
  /**
   * The Valkey version, major and minor. A newer version upgrades the cache in place; it cannot be
   * downgraded. 8.2 is the first with vector search.
   *
   * @default '8.2'
   */
  readonly engineVersion?: string;
  /**
   * Scales the shards, and optionally the replicas, with their load and by schedules. Not available
   * in a Global Datastore.
   *
   * @default - the cache keeps its size
   */
  readonly scaling?: CacheScaling;
}

/**
 * One Valkey replication group in one region: in cluster mode, across several zones, encrypted in
 * transit and at rest. Nothing can connect until `connections` admits a security group and
 * `grantConnect` a role.
 *
 * Applications log in with IAM tokens: no password exists that could leak or need rotation.
 *
 * @throws IsochroneError for a value that ElastiCache would refuse
 */
export class RegionalCache extends CreatedCache {
  /**
   * An existing cache, such as one of another stack. Its security groups are given; nothing is
   * looked up.
   */
  public static fromRegionalCacheAttributes(
    scope: Construct,
    id: string,
    attributes: RegionalCacheAttributes,
  ): IRegionalCache {
    return new ImportedCache(scope, id, attributes);
  }

  public readonly replicationGroup: elasticache.CfnReplicationGroup;
  protected readonly foundation: CacheFoundation;
  /** The Valkey version that the cache is created with. */
  public readonly engineVersion: string;
  /** The node type that the cache is created with. */
  public readonly nodeType: string;
  /**
   * The shards that the cache is created with. Scaling or a Global Datastore may have changed them.
   */
  public readonly shards: number;
  /** The replicas of each shard that the cache is created with. */
  public readonly replicasPerShard: number;
  /** The engine parameters by name. */
  public readonly parameters: Readonly<Record<string, string>>;
  /** The scaling of the cache; undefined if it keeps its size. */
  public readonly scaling?: CacheScaling;

  constructor(scope: Construct, id: string, props: RegionalCacheProps) {
    super(scope, id);
    this.engineVersion = props.engineVersion ?? '8.2';
    this.nodeType = props.nodeType ?? 'cache.r7g.large';
    this.shards = props.shards ?? 2;
    this.replicasPerShard = props.replicasPerShard ?? 1;
    this.scaling = props.scaling;

    checkShards(this, 'shards', this.shards, this.replicasPerShard);
    checkRule(this, 'engineVersion', valkeyVersion, this.engineVersion);
    checkNodeType(this, this.nodeType);
    if (this.scaling) checkScaling(this, this.scaling, this, this.nodeType);
    this.parameters = engineParameters(this, props);
    this.foundation = cacheFoundation(this, props);

    const parameterGroup = new elasticache.CfnParameterGroup(this, 'Parameters', {
      description: `Settings of the cache ${this.node.path}.`,
      cacheParameterGroupFamily: parameterFamily(this.engineVersion),
      properties: this.parameters,
    });
    this.replicationGroup = new elasticache.CfnReplicationGroup(this, 'Resource', {
      ...this.foundation.groupProps,
      engine: 'valkey',
      engineVersion: this.engineVersion,
      autoMinorVersionUpgrade: true,
      cacheNodeType: this.nodeType,
      cacheParameterGroupName: parameterGroup.ref,
      clusterMode: 'enabled',
      // Present even with scaling: without it, CloudFormation would assume 1. CloudFormation
      // compares templates, not the cache, so it keeps the result of scaling while this number
      // stays the same.
      numNodeGroups: this.shards,
      // Cluster mode requires it, even without a replica that could take over.
      automaticFailoverEnabled: true,
      port: CACHE_PORT,
      atRestEncryptionEnabled: true,
      transitEncryptionEnabled: true,
      transitEncryptionMode: 'required',
    });
    // Without it, another number of shards replaces the cache with a new, empty one.
    this.replicationGroup.cfnOptions.updatePolicy = { useOnlineResharding: true };
    this.foundation.finish(this.replicationGroup, parameterGroup);
    if (this.scaling) scaleCache(this, this.scaling, this);
  }
}

/** See `RegionalCache.fromRegionalCacheAttributes`. */
class ImportedCache extends CacheBase {
  public readonly replicationGroupId: string;
  public readonly configurationEndpoint: CacheEndpoint;
  public readonly connections: ec2.Connections;
  public readonly userName: string;

  constructor(scope: Construct, id: string, attributes: RegionalCacheAttributes) {
    super(scope, id);
    const { configurationEndpointAddress, port = CACHE_PORT, securityGroups } = attributes;
    this.replicationGroupId = attributes.replicationGroupId;
    this.userName = attributes.userName;
    this.configurationEndpoint = { hostname: configurationEndpointAddress, port };
    this.connections = new ec2.Connections({ securityGroups, defaultPort: ec2.Port.tcp(port) });
  }
}
