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
  const TWO = ['eu-west-1', 'ap-southeast-1'];
  const OTHER = 'must be a region other than us-east-1';

  test.each<[string[], string, string[]]>([
    [
      [...TWO, 'sa-east-1'],
      ' must be 1 to 2 regions beside the primary, not 3, got ' +
        '["eu-west-1","ap-southeast-1","sa-east-1"].',
      TWO,
    ],
    [[], ' must be 1 to 2 regions', ['eu-west-1']],
    [['us-east-1'], `[0] ${OTHER}, got "us-east-1".`, ['us-east-2']],
    [['eu-west-1', 'eu-west-1'], `[1] ${OTHER}, eu-west-1`, ['eu-west-1', 'eu-west-2']],
  ])('%j: secondaryRegions%s', (refused, message, allowed) => {
    expect(() => globalWith({ secondaryRegions: refused })).toThrow(
      `GlobalCache at Test/Global: secondaryRegions${message}`,
    );
    expect(() => globalWith({ secondaryRegions: allowed })).not.toThrow();
  });

  test('a primary elsewhere', () => {
    expect(() => globalFrom('eu-west-1')).toThrow(
      'primary must be a cache of the stack\'s own region, us-east-1, got "eu-west-1".',
    );
    expect(() => globalFrom('us-east-1')).not.toThrow();
  });

  test('a primary that scales', () => {
    expect(() => globalWith({}, { scaling: { maxShards: 4 } })).toThrow(
      'primary.scaling must be left out in a Global Datastore, got {"maxShards":4}.',
    );
    expect(() => globalWith({}, { shards: 4 })).not.toThrow();
  });

  // Too small, burstable, and too old.
  test.each([
    ['cache.m6g.medium', 'cache.m6g.large'],
    ['cache.t4g.medium', 'cache.c7gn.12xlarge'],
    ['cache.r4.large', 'cache.r5.large'],
  ])('a primary on %s, where %s passes', (refused, allowed) => {
    expect(() => globalWith({}, { nodeType: refused })).toThrow(
      'nodeType must be large or larger, of the fifth generation or newer',
    );
    expect(() => globalWith({}, { nodeType: allowed })).not.toThrow();
  });

  test.each([
    ['nodeType', 'cache.t4g.small', 'cache.m7g.large', 'large or larger'],
    ['nodeType', 'r7g.large', 'cache.r7g.2xlarge', 'a node type of ElastiCache'],
    ['engineVersion', '8.1', '9.0', 'at least 8.2, the version of the primary, got "8.1".'],
    ['engineVersion', '7.1', '8.2', 'a Valkey version'],
    ['idSuffix', 'Market', 'market', 'up to 40 lower-case letters'],
    ['shards', 46, 45, '1 to 45 with 1 replicas per shard'],
  ])('%s %j for all members, where %j passes', (property, refused, allowed, message) => {
    expect(() => globalWith({ [property]: refused })).toThrow(`${property} must be ${message}`);
    expect(() => globalWith({ [property]: allowed })).not.toThrow();
  });

  test('a secondary in the region of its primary', () => {
    expect(() => secondaryWith({}, 'us-east-1')).toThrow(
      'primaryRegion must be a region other than us-east-1, got "us-east-1".',
    );
    expect(() => secondaryWith({}, 'us-east-2')).not.toThrow();
  });

  test('a secondary whose id lacks its prefix', () => {
    const globalReplicationGroupId = 'market-production';
    expect(() => secondaryWith({ globalReplicationGroupId })).toThrow(
      'globalReplicationGroupId must be the whole id of a Global Datastore',
    );
    expect(() => secondaryWith({ globalReplicationGroupId: 'sgaui-market' })).not.toThrow();
  });

  test('a secondary with seven replicas', () => {
    expect(() => secondaryWith({ replicasPerShard: 7 })).toThrow('replicasPerShard must be 0 to 5');
    expect(() => secondaryWith({ replicasPerShard: 5 })).not.toThrow();
  });
});
