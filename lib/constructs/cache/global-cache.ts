import { CfnDeletionPolicy, RemovalPolicy, Stack, Token } from 'aws-cdk-lib';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as elasticache from 'aws-cdk-lib/aws-elasticache';
import { Construct } from 'constructs';
import { elasticacheRules, type Rule } from '../../model/rules';
import { acknowledge, checkRule } from '../house-rules';
import { checkNodeType, checkShards, globalId, globalIdSuffix, valkeyVersion } from './checks';
import {
  type CacheFoundation,
  type CacheFoundationProps,
  CreatedCache,
  cacheFoundation,
} from './foundation';
import { parameterFamily } from './parameters';
import type { RegionalCache } from './regional-cache';

/** The region of a Global Datastore beside that of its primary. */
const primaryPlace: Rule<string, { readonly region: string }> = {
  allows: (of, { region }) => of === region,
  allowed: (_, { region }) => `a cache of the stack's own region, ${region}`,
  rule: 'A Global Datastore is created in the region of its primary.',
  fix: 'Move it to the stack of its primary; other regions have a GlobalCacheSecondary.',
};

/** The region of a secondary beside that of its primary. */
const otherRegion: typeof elasticacheRules.MEMBER_REGION = {
  ...elasticacheRules.MEMBER_REGION,
  fix: 'Move the secondary to a stack of another region.',
};

/** A region as a list, empty if it is only known at deployment. */
function knownRegions(region: string): string[] {
  return Token.isUnresolved(region) ? [] : [region];
}

export interface GlobalCacheProps {
  /**
   * The cache whose writes are copied to the other regions. It may have served on its own before,
   * and keeps its entries. From then on the Global Datastore controls its engine: leave
   * `engineVersion`, `nodeType`, `shards` and the parameters of this cache as they are.
   */
  readonly primary: RegionalCache;
  /**
   * The one or two regions of the secondaries; each has a `GlobalCacheSecondary` in a stack of its
   * own.
   */
  readonly secondaryRegions: readonly string[];
  /**
   * The end of the id, in the form of the id of a replication group. ElastiCache puts a prefix of
   * the region before it. Another suffix *replaces* the Global Datastore.
   */
  readonly idSuffix: string;
  /**
   * The Valkey version of all members, if newer than the version that the primary was created with.
   * Members cannot be downgraded.
   *
   * @default - the version of the primary
   */
  readonly engineVersion?: string;
  /**
   * The node type of all members, if other than the type that the primary was created with.
   *
   * @default - the node type of the primary
   */
  readonly nodeType?: string;
  /**
   * The shards of each member, if other than the number that the primary was created with.
   *
   * @default - the shards of the primary
   */
  readonly shards?: number;
  /**
   * What happens to the Global Datastore when it leaves the stack. Its primary outlives a deletion
   * as an independent cache. Delete its secondaries first.
   *
   * @default RemovalPolicy.RETAIN
   */
  readonly removalPolicy?: RemovalPolicy;
}

/**
 * A Global Datastore: one primary cache whose writes ElastiCache copies to one or two other
 * regions, within about a second. The secondaries only serve reads. There is no automatic failover
 * between regions: docs/operations/cache.md has the manual procedure.
 *
 * Members share one engine, one node type, one number of shards and the same parameters, all
 * controlled by this construct. With more than three regions, use independent `RegionalCache`s.
 *
 * @throws IsochroneError for a value that ElastiCache would refuse
 */
export class GlobalCache extends Construct {
  public readonly primary: RegionalCache;
  public readonly globalReplicationGroup: elasticache.CfnGlobalReplicationGroup;
  /**
   * The whole id, by which secondaries join. Other regions must read it from an output, because
   * ElastiCache makes the prefix.
   */
  public readonly globalReplicationGroupId: string;
  /** The shards of each member. */
  public readonly shards: number;

  constructor(scope: Construct, id: string, props: GlobalCacheProps) {
    super(scope, id);
    const { primary, engineVersion, nodeType, idSuffix } = props;
    this.primary = primary;
    this.shards = props.shards ?? primary.shards;
    const removalPolicy = props.removalPolicy ?? RemovalPolicy.RETAIN;

    const { region } = Stack.of(this);
    checkRule(this, 'primary', primaryPlace, Stack.of(primary).region, { region });
    if (primary.scaling) {
      const { maxShards } = primary.scaling;
      checkRule(this, 'primary.scaling', elasticacheRules.SCALING_OF_MEMBER, { maxShards });
    }
    checkRule(this, 'secondaryRegions', elasticacheRules.SECONDARY_COUNT, props.secondaryRegions);
    props.secondaryRegions.forEach((secondary, index, regions) => {
      const members = [...knownRegions(region), ...regions.slice(0, index)];
      checkRule(this, `secondaryRegions[${index}]`, elasticacheRules.MEMBER_REGION, secondary, {
        members,
      });
    });
    checkRule(this, 'idSuffix', globalIdSuffix, idSuffix);
    checkRule(this, 'nodeType', elasticacheRules.MEMBER_NODE_TYPE, primary.nodeType);
    if (nodeType !== undefined) {
      checkNodeType(this, nodeType);
      checkRule(this, 'nodeType', elasticacheRules.MEMBER_NODE_TYPE, nodeType);
    }
    checkShards(this, 'shards', this.shards, primary.replicasPerShard);
    if (engineVersion !== undefined) {
      checkRule(this, 'engineVersion', valkeyVersion, engineVersion);
      checkRule(this, 'engineVersion', elasticacheRules.MEMBER_VERSION, engineVersion, {
        createdWith: primary.engineVersion,
      });
    }

    // ElastiCache copies the primary's parameters to every member. It accepts a parameter group
    // only with another major version, and requires one then.
    const family = parameterFamily(engineVersion ?? primary.engineVersion);
    const parameterGroup =
      family === parameterFamily(primary.engineVersion)
        ? undefined
        : new elasticache.CfnParameterGroup(this, 'Parameters', {
            description: `Settings of the caches of ${this.node.path}.`,
            cacheParameterGroupFamily: family,
            properties: { ...primary.parameters },
          });
    if (parameterGroup) {
      parameterGroup.applyRemovalPolicy(removalPolicy);
      parameterGroup.cfnOptions.updateReplacePolicy = CfnDeletionPolicy.DELETE;
    }

    this.globalReplicationGroup = new elasticache.CfnGlobalReplicationGroup(this, 'Resource', {
      globalReplicationGroupIdSuffix: idSuffix,
      globalReplicationGroupDescription: `The caches of ${this.node.path}.`,
      // Only the primary: ElastiCache refuses to create a Global Datastore with several members.
      // The others join by its id.
      members: [
        {
          replicationGroupId: primary.replicationGroupId,
          replicationGroupRegion: Stack.of(primary).region,
          role: 'PRIMARY',
        },
      ],
      // The members inherit undefined properties from the primary.
      engineVersion,
      cacheNodeType: nodeType,
      cacheParameterGroupName: parameterGroup?.ref,
      globalNodeGroupCount: props.shards,
    });
    this.globalReplicationGroup.applyRemovalPolicy(removalPolicy);
    this.globalReplicationGroupId = this.globalReplicationGroup.attrGlobalReplicationGroupId;
  }
}

export interface GlobalCacheSecondaryProps extends CacheFoundationProps {
  /**
   * The whole id of the Global Datastore, with its prefix: `globalReplicationGroupId` of the
   * `GlobalCache`, read from an output of its stack. Another id *replaces* the cache.
   */
  readonly globalReplicationGroupId: string;
  /** The region of the primary, which takes the writes. */
  readonly primaryRegion: string;
}

/**
 * A cache that follows the primary of a Global Datastore in another region. It only serves reads,
 * until an operator promotes it.
 *
 * The Global Datastore sets engine, version, node type, shards, parameters, encryption and
 * automatic failover: ElastiCache refuses a member that names its own ("Using the AWS CLI with
 * Global Datastores", Amazon ElastiCache user guide). The secondary is always a new cache; an
 * existing cache cannot join. Network, key, users, replicas, snapshots and logs belong to the
 * region.
 *
 * @throws IsochroneError for a value that ElastiCache would refuse
 */
export class GlobalCacheSecondary extends CreatedCache {
  public readonly replicationGroup: elasticache.CfnReplicationGroup;
  protected readonly foundation: CacheFoundation;

  constructor(scope: Construct, id: string, props: GlobalCacheSecondaryProps) {
    super(scope, id);
    checkRule(this, 'primaryRegion', otherRegion, props.primaryRegion, {
      members: knownRegions(Stack.of(this).region),
    });
    checkRule(this, 'globalReplicationGroupId', globalId, props.globalReplicationGroupId);
    this.foundation = cacheFoundation(this, props);

    this.replicationGroup = new elasticache.CfnReplicationGroup(this, 'Resource', {
      ...this.foundation.groupProps,
      globalReplicationGroupId: props.globalReplicationGroupId,
    });
    acknowledge(
      this.replicationGroup,
      'A member of a Global Datastore has the encryption of its primary, at rest and on ' +
        'the wire, which RegionalCache turns on; ElastiCache refuses a secondary that names ' +
        'it. Its key is `KmsKeyId`.',
      'AwsSolutions-AEC3',
    );
    acknowledge(
      this.replicationGroup,
      'Every cache here listens on 6379, behind a security group that lets in whom ' +
        '`connections` names. The rule takes the engine for Redis where none is named; a ' +
        'port does not tell who may reach it.',
      'AwsSolutions-AEC5',
    );
    this.foundation.finish(this.replicationGroup);
  }

  /**
   * How far one node is behind the primary region, in seconds.
   *
   * @param shard the number of the shard, from 1
   * @param node the number of the node within the shard, from 1
   *
   * @default - the average over 5 minutes
   */
  public metricGlobalLag(
    shard: number,
    node: number,
    props?: cloudwatch.MetricOptions,
  ): cloudwatch.Metric {
    return this.metricNode('GlobalDatastoreReplicationLag', shard, node, props);
  }
}
