import { CfnDeletionPolicy, RemovalPolicy, Stack, Token } from 'aws-cdk-lib';
import * as elasticache from 'aws-cdk-lib/aws-elasticache';
import { Construct } from 'constructs';
import { ELASTICACHE, joinsGlobalDatastore } from '../../model/aws';
import { invalidValue, type Placed } from '../../model/errors';
import { checkEngineVersion, checkNodeType, checkShards, isReplicationGroupId } from './checks';
import { parameterFamily } from './parameters';
import type { RegionalCache } from './regional-cache';

export interface GlobalCacheProps {
  /**
   * The cache whose writes are copied to the other regions. It may have served on its own before,
   * and keeps what it holds. From then on the Global Datastore decides on its engine: leave
   * `engineVersion`, `nodeType`, `shards` and the parameters of this cache as they are.
   */
  readonly primary: RegionalCache;
  /**
   * The one or two regions of the secondaries; each has a `GlobalCacheSecondary` in a stack of its
   * own.
   */
  readonly secondaryRegions: readonly string[];
  /**
   * The end of the id, in the form of the id of a replication group. ElastiCache puts a prefix
   * before it that belongs to the region. Another one *replaces* the Global Datastore.
   */
  readonly idSuffix: string;
  /**
   * The Valkey version of all members, where it is to be newer than the one that the primary was
   * created with. There is no way back.
   *
   * @default the version of the primary
   */
  readonly engineVersion?: string;
  /**
   * The node type of all members, where it is to differ from the one that the primary was created
   * with.
   *
   * @default the node type of the primary
   */
  readonly nodeType?: string;
  /**
   * The shards of all members, where they are to differ from those that the primary was created
   * with.
   *
   * @default the shards of the primary
   */
  readonly shards?: number;
  /**
   * What happens to the Global Datastore when it leaves the stack. Deleted, it sets its primary
   * free, which stays. Its secondaries must have gone before.
   *
   * @default RemovalPolicy.RETAIN
   */
  readonly removalPolicy?: RemovalPolicy;
}

/**
 * A Global Datastore: one primary cache whose writes ElastiCache copies to one or two other
 * regions, within about a second. The secondaries answer reads alone. No region takes over by
 * itself: docs/operations/cache.md says how a person does it.
 *
 * Members have one engine, one node type, one number of shards and the same parameters. Their one
 * owner is this construct; more regions than three are independent `RegionalCache`s.
 *
 * @throws IsochroneError for what ElastiCache would refuse
 */
export class GlobalCache extends Construct {
  public readonly primary: RegionalCache;
  public readonly globalReplicationGroup: elasticache.CfnGlobalReplicationGroup;
  /**
   * The whole id, by which secondaries join. Another region must be told: ElastiCache makes the
   * prefix.
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

    checkPlace(this, primary);
    checkUnscaled(this, primary);
    checkSecondaryRegions(this, props.secondaryRegions);
    checkIdSuffix(this, idSuffix);
    checkGlobalNodeType(this, primary.nodeType);
    if (nodeType !== undefined) {
      checkNodeType(this, nodeType);
      checkGlobalNodeType(this, nodeType);
    }
    checkShards(this, 'shards', this.shards, primary.replicasPerShard);
    if (engineVersion !== undefined) checkUpgrade(this, engineVersion, primary.engineVersion);

    // ElastiCache copies the primary's parameters to every member. It takes a group only with
    // another major version, and demands one then.
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
      // Only the primary: ElastiCache refuses to create it with several members. The others join by
      // its id.
      members: [
        {
          replicationGroupId: primary.replicationGroupId,
          replicationGroupRegion: Stack.of(primary).region,
          role: 'PRIMARY',
        },
      ],
      // What is left out here, the members have from the primary.
      engineVersion,
      cacheNodeType: nodeType,
      cacheParameterGroupName: parameterGroup?.ref,
      globalNodeGroupCount: props.shards,
    });
    this.globalReplicationGroup.applyRemovalPolicy(removalPolicy);
    this.globalReplicationGroupId = this.globalReplicationGroup.attrGlobalReplicationGroupId;
  }
}

function checkPlace(at: Construct, primary: RegionalCache): void {
  const [own, of] = [Stack.of(at).region, Stack.of(primary).region];
  if (Token.isUnresolved(own) || Token.isUnresolved(of) || own === of) return;
  throw invalidValue(at, {
    property: 'primary',
    value: of,
    allowed: `a cache of the stack's own region, ${own}`,
    rule: 'A Global Datastore is created in the region of its primary.',
    fix: 'Put it into the stack of its primary; other regions have a GlobalCacheSecondary.',
  });
}

function checkUnscaled(at: Placed, { scaling }: RegionalCache): void {
  if (scaling === undefined) return;
  throw invalidValue(at, {
    property: 'primary.scaling',
    value: { maxShards: scaling.maxShards },
    allowed: 'left out',
    rule: 'ElastiCache does not scale members of a Global Datastore by itself: all of them have the same shards.',
    fix: 'Leave `scaling` out and change `shards` of the Global Datastore by hand, or keep independent caches.',
  });
}

function checkSecondaryRegions(at: Construct, regions: readonly string[]): void {
  const own = Stack.of(at).region;
  const most = ELASTICACHE.globalDatastore.secondaryRegions;
  const distinct = new Set(regions).size === regions.length && !regions.includes(own);
  if (regions.length >= 1 && regions.length <= most && distinct) return;
  throw invalidValue(at, {
    property: 'secondaryRegions',
    value: regions,
    allowed: `1 to ${most} regions, each named once, without ${Token.isUnresolved(own) ? "the primary's" : own}`,
    rule: 'A Global Datastore copies the writes of one region to two others at most.',
    fix: 'With more regions than three, give each one a RegionalCache of its own.',
  });
}

function checkIdSuffix(at: Placed, idSuffix: string): void {
  if (Token.isUnresolved(idSuffix) || isReplicationGroupId(idSuffix)) return;
  throw invalidValue(at, {
    property: 'idSuffix',
    value: idSuffix,
    allowed: `up to ${ELASTICACHE.replicationGroupIdLength} lower-case letters, digits and single hyphens, a letter first and no hyphen last`,
    rule: 'ElastiCache makes the id of it: the prefix of the region, a hyphen, and this.',
    fix: "Write it like 'market-production'.",
  });
}

function checkGlobalNodeType(at: Placed, nodeType: string): void {
  if (Token.isUnresolved(nodeType) || joinsGlobalDatastore(nodeType)) return;
  throw invalidValue(at, {
    property: 'nodeType',
    value: nodeType,
    allowed: 'large or larger, of the fifth generation or a newer one',
    rule: 'A Global Datastore takes no older, smaller or burstable nodes.',
    fix: "Take 'cache.r7g.large', or keep independent caches.",
  });
}

function checkUpgrade(at: Placed, engineVersion: string, from: string): void {
  checkEngineVersion(at, engineVersion);
  if (Number(engineVersion) >= Number(from)) return;
  throw invalidValue(at, {
    property: 'engineVersion',
    value: engineVersion,
    allowed: `at least ${from}, what the primary was created with`,
    rule: 'ElastiCache takes no engine back to an older version.',
    fix: 'Leave it out for the version of the primary.',
  });
}
