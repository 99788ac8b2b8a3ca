import type * as ec2 from 'aws-cdk-lib/aws-ec2';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import { RegionalCache } from '../cache/regional-cache';
import { RegionStack, type RegionStackProps } from './region-stack';

export interface CacheStackProps extends RegionStackProps {
  readonly vpc: ec2.IVpc;
  readonly key: kms.IKey;
}

/** The cache of a region. */
export class CacheStack extends RegionStack {
  public readonly cache: RegionalCache;

  constructor(scope: Construct, id: string, props: CacheStackProps) {
    super(scope, id, props, { description: 'Valkey' });
    const { cache } = this.deployment;
    this.cache = new RegionalCache(this, 'Cache', {
      vpc: props.vpc,
      engineVersion: cache.engineVersion,
      nodeType: cache.nodeType,
      shards: cache.shards,
      replicasPerShard: cache.replicasPerShard,
      maxmemoryPolicy: cache.maxmemoryPolicy,
      snapshotRetentionDays: cache.snapshotRetentionDays,
      logEncryptionKey: props.key,
      removalPolicy: this.removalPolicy,
    });
  }
}
