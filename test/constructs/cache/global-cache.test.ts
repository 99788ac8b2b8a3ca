import { RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import {
  GlobalCache,
  type GlobalCacheProps,
  GlobalCacheSecondary,
  type GlobalCacheSecondaryProps,
} from '../../../lib/constructs/cache/global-cache';
import {
  RegionalCache,
  type RegionalCacheProps,
} from '../../../lib/constructs/cache/regional-cache';
import { testStack } from '../../test-stack';
import { vpcIn } from './vpc';

function globalWith(
  props: Partial<GlobalCacheProps> = {},
  primaryProps: Partial<RegionalCacheProps> = {},
): { stack: Stack; global: GlobalCache } {
  const stack = testStack();
  const primary = new RegionalCache(stack, 'Cache', { vpc: vpcIn(stack), ...primaryProps });
  const global = new GlobalCache(stack, 'Global', {
    primary,
    secondaryRegions: ['eu-west-1'],
    idSuffix: 'market-production',
    ...props,
  });
  return { stack, global };
}

function secondaryWith(
  props: Partial<GlobalCacheSecondaryProps> = {},
  region = 'eu-west-1',
): { stack: Stack; cache: GlobalCacheSecondary } {
  const stack = testStack(region);
  const cache = new GlobalCacheSecondary(stack, 'Cache', {
    vpc: vpcIn(stack),
    globalReplicationGroupId: 'ldgnf-market-production',
    primaryRegion: 'us-east-1',
    ...props,
  });
  return { stack, cache };
}

describe('the Global Datastore', () => {
  const { stack, global } = globalWith({ secondaryRegions: ['eu-west-1', 'ap-southeast-1'] });
  const template = Template.fromStack(stack);
  const properties = (of: Template) =>
    Object.values(of.findResources('AWS::ElastiCache::GlobalReplicationGroup'))[0]?.Properties;

  test('is created with its primary only, which sets everything else', () => {
    expect(properties(template)).toEqual({
      GlobalReplicationGroupIdSuffix: 'market-production',
      GlobalReplicationGroupDescription: expect.any(String),
      Members: [
        {
          ReplicationGroupId: stack.resolve(global.primary.replicationGroupId),
          ReplicationGroupRegion: 'us-east-1',
          Role: 'PRIMARY',
        },
      ],
    });
    template.resourceCountIs('AWS::ElastiCache::ParameterGroup', 1);
  });

  test('outlives the stack and exposes its whole id', () => {
    template.hasResource('AWS::ElastiCache::GlobalReplicationGroup', { DeletionPolicy: 'Retain' });
    expect(stack.resolve(global.globalReplicationGroupId)).toEqual({
      'Fn::GetAtt': [expect.stringMatching(/^Global/), 'GlobalReplicationGroupId'],
    });
  });

  test('changes all members, while the primary keeps its initial properties', () => {
    const moved = Template.fromStack(
      globalWith({ nodeType: 'cache.r7g.xlarge', shards: 3, engineVersion: '8.2' }).stack,
    );
    expect(properties(moved)).toMatchObject({
      CacheNodeType: 'cache.r7g.xlarge',
      GlobalNodeGroupCount: 3,
      EngineVersion: '8.2',
    });
    expect(properties(moved)).not.toHaveProperty('CacheParameterGroupName');
    moved.hasResourceProperties('AWS::ElastiCache::ReplicationGroup', {
      CacheNodeType: 'cache.r7g.large',
      NumNodeGroups: 2,
    });
  });

  test('copies the parameters to the family of another major version', () => {
    const upgraded = Template.fromStack(
      globalWith(
        { engineVersion: '8.2', removalPolicy: RemovalPolicy.DESTROY },
        { engineVersion: '7.2', maxmemoryPolicy: 'volatile-ttl' },
      ).stack,
    );
    upgraded.hasResource('AWS::ElastiCache::ParameterGroup', {
      DeletionPolicy: 'Delete',
      Properties: {
        CacheParameterGroupFamily: 'valkey8',
        Properties: Match.objectLike({ 'maxmemory-policy': 'volatile-ttl' }),
      },
    });
    expect(properties(upgraded).CacheParameterGroupName).toEqual({
      Ref: expect.stringMatching(/^GlobalParameters/),
    });
    upgraded.hasResource('AWS::ElastiCache::GlobalReplicationGroup', { DeletionPolicy: 'Delete' });
  });
});

describe('a secondary', () => {
  const { stack, cache } = secondaryWith({ replicasPerShard: 2 });
  const template = Template.fromStack(stack);
  const [group] = Object.values(template.findResources('AWS::ElastiCache::ReplicationGroup'));

  test.each([
    'Engine',
    'EngineVersion',
    'CacheNodeType',
    'CacheParameterGroupName',
    'NumNodeGroups',
    'ClusterMode',
    'AtRestEncryptionEnabled',
    'TransitEncryptionEnabled',
    'TransitEncryptionMode',
    'AutomaticFailoverEnabled',
  ])('leaves %s to the Global Datastore', (property) => {
    expect(group?.Properties).not.toHaveProperty(property);
  });

  test('has its own key, replicas, user, snapshots, windows and logs', () => {
    expect(group?.Properties).toMatchObject({
      GlobalReplicationGroupId: 'ldgnf-market-production',
      KmsKeyId: stack.resolve(cache.encryptionKey.keyArn),
      ReplicasPerNodeGroup: 2,
      MultiAZEnabled: true,
      UserGroupIds: [{ Ref: expect.stringMatching(/CacheUsers/) }],
      SnapshotRetentionLimit: 1,
      PreferredMaintenanceWindow: 'sun:03:00-sun:04:00',
      LogDeliveryConfigurations: [{}, {}],
    });
    template.resourceCountIs('AWS::ElastiCache::ParameterGroup', 0);
  });

  test('outlives the stack', () => {
    expect(group?.DeletionPolicy).toBe('Retain');
    template.allResources('AWS::ElastiCache::UserGroup', { DeletionPolicy: 'Retain' });
  });

  test('has a metric of its lag behind the primary region, per node', () => {
    expect(cache.metricGlobalLag(1, 2)).toMatchObject({
      metricName: 'GlobalDatastoreReplicationLag',
      dimensions: { CacheClusterId: expect.stringMatching(/-0001-002$/) },
    });
  });

  test('has an endpoint and a port like any other cache', () => {
    expect(stack.resolve(cache.configurationEndpoint.hostname)).toEqual({
      'Fn::GetAtt': [expect.stringMatching(/^Cache/), 'ConfigurationEndPoint.Address'],
    });
    expect(cache.connections.defaultPort?.toString()).toBe('6379');
  });
});

describe('values that ElastiCache would refuse', () => {
  /** A Global Datastore whose primary is in a stack of its own. */
  const globalFrom = (region: string) => {
    const stack = testStack();
    const other = new Stack(stack.node.scope, 'Other', { env: { region } });
    const primary = new RegionalCache(other, 'Cache', { vpc: vpcIn(other) });
    return new GlobalCache(stack, 'Global', {
      primary,
      secondaryRegions: ['ap-southeast-1'],
      idSuffix: 'market',
    });
  };
  const onNodes = (nodeType: string) => () => globalWith({}, { nodeType });
  test.each<[string, () => unknown, string, () => unknown]>([
    [
      'a third secondary',
      () => globalWith({ secondaryRegions: ['eu-west-1', 'ap-southeast-1', 'sa-east-1'] }),
      'GlobalCache at Test/Global: secondaryRegions must be 1 to 2 regions beside the ' +
        'primary, not 3, got ["eu-west-1","ap-southeast-1","sa-east-1"].',
      () => globalWith({ secondaryRegions: ['eu-west-1', 'ap-southeast-1'] }),
    ],
    [
      'no secondary',
      () => globalWith({ secondaryRegions: [] }),
      'secondaryRegions must be 1 to 2 regions',
      () => globalWith(),
    ],
    [
      'the region of the primary',
      () => globalWith({ secondaryRegions: ['us-east-1'] }),
      'secondaryRegions[0] must be a region other than us-east-1, got "us-east-1".',
      () => globalWith({ secondaryRegions: ['us-east-2'] }),
    ],
    [
      'one region twice',
      () => globalWith({ secondaryRegions: ['eu-west-1', 'eu-west-1'] }),
      'secondaryRegions[1] must be a region other than us-east-1, eu-west-1',
      () => globalWith({ secondaryRegions: ['eu-west-1', 'eu-west-2'] }),
    ],
    [
      'a primary elsewhere',
      () => globalFrom('eu-west-1'),
      'primary must be a cache of the stack\'s own region, us-east-1, got "eu-west-1".',
      () => globalFrom('us-east-1'),
    ],
    [
      'a primary that scales',
      () => globalWith({}, { scaling: { maxShards: 4 } }),
      'primary.scaling must be left out in a Global Datastore, got {"maxShards":4}.',
      () => globalWith({}, { shards: 4 }),
    ],
    [
      'a small node',
      onNodes('cache.m6g.medium'),
      'nodeType must be large or larger, of the fifth generation or newer',
      onNodes('cache.m6g.large'),
    ],
    [
      'a burstable node',
      onNodes('cache.t4g.medium'),
      'nodeType must be large or larger',
      onNodes('cache.c7gn.12xlarge'),
    ],
    [
      'an old node',
      onNodes('cache.r4.large'),
      'nodeType must be large or larger',
      onNodes('cache.r5.large'),
    ],
    [
      'a small node type for all members',
      () => globalWith({ nodeType: 'cache.t4g.small' }),
      'nodeType must be large or larger',
      () => globalWith({ nodeType: 'cache.m7g.large' }),
    ],
    [
      'an EC2 type for all members',
      () => globalWith({ nodeType: 'r7g.large' }),
      'nodeType must be a node type of ElastiCache',
      () => globalWith({ nodeType: 'cache.r7g.2xlarge' }),
    ],
    [
      'too many shards',
      () => globalWith({ shards: 46 }),
      'shards must be 1 to 45 with 1 replicas per shard',
      () => globalWith({ shards: 45 }),
    ],
    [
      'an older engine',
      () => globalWith({ engineVersion: '8.1' }),
      'engineVersion must be at least 8.2, the version of the primary, got "8.1".',
      () => globalWith({ engineVersion: '9.0' }),
    ],
    [
      'a version without Valkey',
      () => globalWith({ engineVersion: '7.1' }),
      'engineVersion must be a Valkey version',
      () => globalWith({ engineVersion: '8.2' }),
    ],
    [
      'capitals in the id',
      () => globalWith({ idSuffix: 'Market' }),
      'idSuffix must be up to 40 lower-case letters',
      () => globalWith({ idSuffix: 'market' }),
    ],
    [
      'a secondary in the region of its primary',
      () => secondaryWith({}, 'us-east-1'),
      'primaryRegion must be a region other than us-east-1, got "us-east-1".',
      () => secondaryWith({}, 'us-east-2'),
    ],
    [
      'an id without its prefix',
      () => secondaryWith({ globalReplicationGroupId: 'market-production' }),
      'globalReplicationGroupId must be the whole id of a Global Datastore',
      () => secondaryWith({ globalReplicationGroupId: 'sgaui-market' }),
    ],
    [
      'seven replicas of a secondary',
      () => secondaryWith({ replicasPerShard: 7 }),
      'replicasPerShard must be 0 to 5',
      () => secondaryWith({ replicasPerShard: 5 }),
    ],
  ])('%s', (_, refused, message, allowed) => {
    expect(refused).toThrow(message);
    expect(allowed).not.toThrow();
  });
});
