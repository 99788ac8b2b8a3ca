import { Stack, Token } from 'aws-cdk-lib';
import type * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as elasticache from 'aws-cdk-lib/aws-elasticache';
import type * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import { invalidValue } from '../../model/errors';
import { acknowledge } from '../house-rules';
import { grantConnect } from './access';
import { CACHE_PORT, type CacheFoundationProps, cacheFoundation } from './foundation';
import type { CacheEndpoint, IRegionalCache } from './interfaces';

export interface GlobalCacheSecondaryProps extends CacheFoundationProps {
  /**
   * The whole id of the Global Datastore, with its prefix: `globalReplicationGroupId` of the
   * `GlobalCache`, as its region puts it out. Another one *replaces* the cache.
   */
  readonly globalReplicationGroupId: string;
  /** The region of the primary, to which writes go. */
  readonly primaryRegion: string;
}

/**
 * A cache that follows the primary of a Global Datastore in another region. It answers reads alone,
 * until a person makes it the primary.
 *
 * Engine, version, node type, shards, parameters, encryption and automatic failover are those of
 * the Global Datastore: ElastiCache refuses a member that names its own ("Using the AWS CLI with
 * Global Datastores", Amazon ElastiCache user guide). It is always a new cache; an existing one
 * cannot join. Network, key, users, replicas, snapshots and logs are the region's own.
 *
 * @throws IsochroneError for what ElastiCache would refuse
 */
export class GlobalCacheSecondary extends Construct implements IRegionalCache {
  public readonly replicationGroup: elasticache.CfnReplicationGroup;
  public readonly replicationGroupId: string;
  public readonly configurationEndpoint: CacheEndpoint;
  public readonly encryptionKey: kms.IKey;
  /** Nobody may connect until allowed: `connections.allowDefaultPortFrom(fleet)`. */
  public readonly connections: ec2.Connections;
  public readonly userName: string;

  constructor(scope: Construct, id: string, props: GlobalCacheSecondaryProps) {
    super(scope, id);
    this.checkRegion(props.primaryRegion);
    this.checkGlobalId(props.globalReplicationGroupId);
    const foundation = cacheFoundation(this, props);
    this.encryptionKey = foundation.encryptionKey;
    this.connections = foundation.connections;
    this.userName = foundation.userName;

    this.replicationGroup = new elasticache.CfnReplicationGroup(this, 'Resource', {
      ...foundation.groupProps,
      globalReplicationGroupId: props.globalReplicationGroupId,
    });
    acknowledge(
      this.replicationGroup,
      'A member of a Global Datastore has the encryption of its primary, at rest and on the wire, which RegionalCache turns on; ElastiCache refuses a secondary that names it. Its key is `KmsKeyId`.',
      'AwsSolutions-AEC3',
    );
    acknowledge(
      this.replicationGroup,
      'Every cache here listens on 6379, behind a security group that lets in whom `connections` names. The rule takes the engine for Redis where none is named; a port does not tell who may reach it.',
      'AwsSolutions-AEC5',
    );
    foundation.finish(this.replicationGroup);

    this.replicationGroupId = this.replicationGroup.ref;
    this.configurationEndpoint = {
      hostname: this.replicationGroup.attrConfigurationEndPointAddress,
      port: CACHE_PORT,
    };
  }

  public grantConnect(grantee: iam.IGrantable): iam.Grant {
    return grantConnect(this, grantee);
  }

  private checkRegion(primaryRegion: string): void {
    const { region } = Stack.of(this);
    if (Token.isUnresolved(region) || Token.isUnresolved(primaryRegion) || region !== primaryRegion)
      return;
    throw invalidValue(this, {
      property: 'primaryRegion',
      value: primaryRegion,
      allowed: 'another region than that of the stack',
      rule: 'A Global Datastore has one member in each of its regions.',
      fix: 'Put the secondary into a stack of another region.',
    });
  }

  private checkGlobalId(globalReplicationGroupId: string): void {
    if (
      Token.isUnresolved(globalReplicationGroupId) ||
      /^[a-z]{5}-[a-z](-?[a-z0-9])*$/.test(globalReplicationGroupId)
    )
      return;
    throw invalidValue(this, {
      property: 'globalReplicationGroupId',
      value: globalReplicationGroupId,
      allowed: 'the whole id of a Global Datastore, such as ldgnf-market-production',
      rule: 'ElastiCache puts five letters of the region before the name that was chosen.',
      fix: 'Read it from the output of the stack of the primary.',
    });
  }
}
