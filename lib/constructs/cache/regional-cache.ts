import type * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as elasticache from 'aws-cdk-lib/aws-elasticache';
import type * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import { grantConnect } from './access';
import { checkEngineVersion, checkNodeType, checkShards } from './checks';
import { CACHE_PORT, type CacheFoundationProps, cacheFoundation } from './foundation';
import type { CacheEndpoint, IRegionalCache } from './interfaces';
import { type CacheParameterProps, engineParameters, parameterFamily } from './parameters';
import { type CacheScaling, checkScaling, scaleCache } from './scaling';

export interface RegionalCacheProps extends CacheFoundationProps, CacheParameterProps {
  /**
   * Shards that the keys are spread over; at least 1. All nodes together, replicas included, may be
   * 90. Changed online, without a new cache; keys move while it serves. Change nothing else in the
   * same deployment: CloudFormation reshards only then.
   *
   * With `scaling`, it is only what the cache is created with: leave it as it was then. Another
   * number would reshard to it once.
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
   * The Valkey version, major and minor. A newer one is an upgrade in place; there is no way back.
   * 8.2 is the first with vector search.
   *
   * @default '8.2'
   */
  readonly engineVersion?: string;
  /**
   * Scales the shards, and if asked the replicas, with their load and by schedules. Not together
   * with a Global Datastore.
   *
   * @default the cache keeps the size that it was given
   */
  readonly scaling?: CacheScaling;
}

/**
 * One Valkey replication group in one region: cluster mode, several zones, encrypted on the wire
 * and at rest, and open to nobody until a security group is let in through `connections` and a role
 * through `grantConnect`.
 *
 * Applications log in with IAM tokens: no password exists that could leak or would have to be
 * rotated.
 *
 * @throws IsochroneError for a value that ElastiCache would refuse
 */
export class RegionalCache extends Construct implements IRegionalCache {
  public readonly replicationGroup: elasticache.CfnReplicationGroup;
  public readonly replicationGroupId: string;
  public readonly configurationEndpoint: CacheEndpoint;
  public readonly encryptionKey: kms.IKey;
  /** Nobody may connect until allowed: `connections.allowDefaultPortFrom(fleet)`. */
  public readonly connections: ec2.Connections;
  public readonly userName: string;
  /** The Valkey version that it is created with. */
  public readonly engineVersion: string;
  /** The node type that it is created with. */
  public readonly nodeType: string;
  /**
   * The shards that it is created with. Scaling or a Global Datastore may have moved it on since.
   */
  public readonly shards: number;
  /** The replicas of each shard that it is created with. */
  public readonly replicasPerShard: number;
  /** The settings of its engine, by the names of Valkey. */
  public readonly parameters: Readonly<Record<string, string>>;
  /** How it scales, if it does. */
  public readonly scaling?: CacheScaling;

  constructor(scope: Construct, id: string, props: RegionalCacheProps) {
    super(scope, id);
    this.engineVersion = props.engineVersion ?? '8.2';
    this.nodeType = props.nodeType ?? 'cache.r7g.large';
    this.shards = props.shards ?? 2;
    this.replicasPerShard = props.replicasPerShard ?? 1;
    this.scaling = props.scaling;

    checkShards(this, 'shards', this.shards, this.replicasPerShard);
    checkEngineVersion(this, this.engineVersion);
    checkNodeType(this, this.nodeType);
    if (this.scaling) checkScaling(this, this.scaling, this, this.nodeType);
    this.parameters = engineParameters(this, props);
    const foundation = cacheFoundation(this, props);
    this.encryptionKey = foundation.encryptionKey;
    this.connections = foundation.connections;
    this.userName = foundation.userName;

    const parameterGroup = new elasticache.CfnParameterGroup(this, 'Parameters', {
      description: `Settings of the cache ${this.node.path}.`,
      cacheParameterGroupFamily: parameterFamily(this.engineVersion),
      properties: this.parameters,
    });
    this.replicationGroup = new elasticache.CfnReplicationGroup(this, 'Resource', {
      ...foundation.groupProps,
      engine: 'valkey',
      engineVersion: this.engineVersion,
      autoMinorVersionUpgrade: true,
      cacheNodeType: this.nodeType,
      cacheParameterGroupName: parameterGroup.ref,
      clusterMode: 'enabled',
      // Never left out, also where scaling has it: without it, CloudFormation would take 1 for what
      // is wanted. It compares templates and not the cache, so it leaves alone what scaling did for
      // as long as the number here stays the same.
      numNodeGroups: this.shards,
      // Cluster mode demands it, even where no replica could take over.
      automaticFailoverEnabled: true,
      port: CACHE_PORT,
      atRestEncryptionEnabled: true,
      transitEncryptionEnabled: true,
      transitEncryptionMode: 'required',
    });
    // Without it, CloudFormation answers another number of shards with a new, empty cache.
    this.replicationGroup.cfnOptions.updatePolicy = { useOnlineResharding: true };
    foundation.finish(this.replicationGroup, parameterGroup);

    this.replicationGroupId = this.replicationGroup.ref;
    this.configurationEndpoint = {
      hostname: this.replicationGroup.attrConfigurationEndPointAddress,
      port: CACHE_PORT,
    };
    if (this.scaling) scaleCache(this, this.scaling, this);
  }

  public grantConnect(grantee: iam.IGrantable): iam.Grant {
    return grantConnect(this, grantee);
  }
}
