import { Duration, RemovalPolicy, type Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as sns from 'aws-cdk-lib/aws-sns';
import {
  RegionalCache,
  type RegionalCacheProps,
} from '../../../lib/constructs/cache/regional-cache';
import { testStack } from '../../test-stack';
import { vpcIn } from './vpc';

function cacheWith(props: Partial<RegionalCacheProps> = {}): {
  stack: Stack;
  cache: RegionalCache;
} {
  const stack = testStack();
  return { stack, cache: new RegionalCache(stack, 'Cache', { vpc: vpcIn(stack), ...props }) };
}

describe('by default', () => {
  const { stack, cache } = cacheWith();
  const fleet = ec2.SecurityGroup.fromSecurityGroupId(stack, 'Fleet', 'sg-0123456789abcdef0');
  cache.connections.allowDefaultPortFrom(fleet);
  const role = new iam.Role(stack, 'Role', {
    assumedBy: new iam.ServicePrincipal('ec2.amazonaws.com'),
  });
  const policy = new iam.ManagedPolicy(stack, 'Policy', { roles: [role] });
  cache.grantConnect(policy);
  const template = Template.fromStack(stack);

  test('the group is in cluster mode, across zones, and encrypted in transit and at rest', () => {
    template.hasResourceProperties('AWS::ElastiCache::ReplicationGroup', {
      Engine: 'valkey',
      EngineVersion: '8.2',
      CacheNodeType: 'cache.r7g.large',
      ClusterMode: 'enabled',
      NumNodeGroups: 2,
      ReplicasPerNodeGroup: 1,
      AutomaticFailoverEnabled: true,
      MultiAZEnabled: true,
      AutoMinorVersionUpgrade: true,
      TransitEncryptionEnabled: true,
      TransitEncryptionMode: 'required',
      AtRestEncryptionEnabled: true,
      KmsKeyId: stack.resolve(cache.encryptionKey.keyArn),
      SnapshotRetentionLimit: 1,
      Port: 6379,
      AuthToken: Match.absent(),
    });
    template.hasResourceProperties('AWS::KMS::Key', { EnableKeyRotation: true });
  });

  test('another number of shards reshards online instead of replacing the cache', () => {
    template.hasResource('AWS::ElastiCache::ReplicationGroup', {
      UpdatePolicy: { UseOnlineResharding: true },
    });
  });

  test('the parameter group is of the right family and in cluster mode', () => {
    template.hasResourceProperties('AWS::ElastiCache::ParameterGroup', {
      CacheParameterGroupFamily: 'valkey8',
      Properties: {
        'cluster-enabled': 'yes',
        'maxmemory-policy': 'allkeys-lru',
        'reserved-memory-percent': '25',
        'slowlog-log-slower-than': '10000',
      },
    });
  });

  test('maintenance and snapshots have separate windows', () => {
    template.hasResourceProperties('AWS::ElastiCache::ReplicationGroup', {
      PreferredMaintenanceWindow: 'sun:03:00-sun:04:00',
      SnapshotWindow: '05:00-06:00',
    });
  });

  test('nothing scales it', () => {
    template.resourceCountIs('AWS::ApplicationAutoScaling::ScalableTarget', 0);
  });

  test('the nodes are in the isolated subnets', () => {
    template.hasResourceProperties('AWS::ElastiCache::SubnetGroup', {
      SubnetIds: ['subnet-15014ed0a', 'subnet-15014ed0b'],
    });
  });

  test('the only user logs in by IAM, with one id and name, and without dangerous commands', () => {
    template.resourceCountIs('AWS::ElastiCache::User', 1);
    template.hasResourceProperties('AWS::ElastiCache::User', {
      Engine: 'valkey',
      UserId: cache.userName,
      UserName: cache.userName,
      AuthenticationMode: { Type: 'iam' },
      AccessString: Match.stringLikeRegexp('^on .*\\+@all -@dangerous'),
      NoPasswordRequired: Match.absent(),
      Passwords: Match.absent(),
    });
    expect(cache.userName).toMatch(/^[a-z](-?[a-z0-9])*$/);
    expect(cache.userName.length).toBeLessThanOrEqual(40);
    template.hasResourceProperties('AWS::ElastiCache::UserGroup', {
      Engine: 'valkey',
      UserIds: [{ Ref: Match.stringLikeRegexp('CacheUser') }],
    });
    template.hasResourceProperties('AWS::ElastiCache::ReplicationGroup', {
      UserGroupIds: [{ Ref: Match.stringLikeRegexp('CacheUsers') }],
    });
  });

  test('both logs are delivered as JSON to encrypted groups with a retention', () => {
    template.hasResourceProperties('AWS::ElastiCache::ReplicationGroup', {
      LogDeliveryConfigurations: ['slow-log', 'engine-log'].map((LogType) =>
        Match.objectLike({ LogType, LogFormat: 'json', DestinationType: 'cloudwatch-logs' }),
      ),
    });
    template.allResourcesProperties('AWS::Logs::LogGroup', {
      RetentionInDays: 90,
      KmsKeyId: stack.resolve(cache.encryptionKey.keyArn),
    });
    template.resourceCountIs('AWS::Logs::LogGroup', 2);
    template.hasResourceProperties('AWS::KMS::Key', {
      KeyPolicy: {
        Statement: Match.arrayWith([
          Match.objectLike({
            Principal: { Service: 'logs.us-east-1.amazonaws.com' },
            Condition: Match.anyValue(),
          }),
        ]),
      },
    });
  });

  test('only admitted clients reach the port', () => {
    template.resourceCountIs('AWS::EC2::SecurityGroupIngress', 1);
    template.hasResourceProperties('AWS::EC2::SecurityGroupIngress', {
      FromPort: 6379,
      ToPort: 6379,
      SourceSecurityGroupId: stack.resolve(fleet.securityGroupId),
    });
  });

  test('a grant names only the group and the user', () => {
    const arn = (...tail: unknown[]) => ({
      'Fn::Join': ['', ['arn:aws:elasticache:us-east-1:', { Ref: 'AWS::AccountId' }, ...tail]],
    });
    template.hasResourceProperties('AWS::IAM::ManagedPolicy', {
      PolicyDocument: {
        Statement: [
          {
            Effect: 'Allow',
            Action: 'elasticache:Connect',
            Resource: [
              arn(':replicationgroup:', stack.resolve(cache.replicationGroupId)),
              arn(`:user:${cache.userName}`),
            ],
          },
        ],
      },
    });
  });

  test('the configuration endpoint has an address and a port', () => {
    expect(stack.resolve(cache.configurationEndpoint)).toEqual({
      hostname: {
        'Fn::GetAtt': [expect.stringMatching(/^Cache/), 'ConfigurationEndPoint.Address'],
      },
      port: 6379,
    });
  });

  test.each([
    'AWS::ElastiCache::ReplicationGroup',
    'AWS::KMS::Key',
    'AWS::ElastiCache::SubnetGroup',
    'AWS::ElastiCache::ParameterGroup',
    'AWS::ElastiCache::User',
    'AWS::ElastiCache::UserGroup',
  ])('%s outlives the stack', (type) => {
    template.allResources(type, { DeletionPolicy: 'Retain' });
  });

  test('the logs outlive the stack', () => {
    template.allResources('AWS::Logs::LogGroup', {
      DeletionPolicy: 'RetainExceptOnCreate',
      UpdateReplacePolicy: 'Retain',
    });
  });

  test('a replaced parameter group is deleted', () => {
    template.hasResource('AWS::ElastiCache::ParameterGroup', { UpdateReplacePolicy: 'Delete' });
    template.hasResource('AWS::ElastiCache::ReplicationGroup', { UpdateReplacePolicy: 'Retain' });
  });
});

describe('with every prop set', () => {
  const stack = testStack();
  const logEncryptionKey = new kms.Key(stack, 'LogKey', { enableKeyRotation: true });
  const encryptionKey = kms.Key.fromKeyArn(
    stack,
    'CacheKey',
    'arn:aws:kms:us-east-1:111122223333:key/0123abcd-0123-abcd-0123-0123456789ab',
  );
  const notificationTopic = sns.Topic.fromTopicArn(
    stack,
    'Topic',
    'arn:aws:sns:us-east-1:111122223333:events',
  );
  const replicationGroupId = 'market-production-ap-southeast-1-cache-a';
  const cache = new RegionalCache(stack, 'Cache', {
    vpc: vpcIn(stack),
    vpcSubnets: { subnetType: ec2.SubnetType.PRIVATE_WITH_EGRESS },
    shards: 3,
    replicasPerShard: 0,
    nodeType: 'cache.t4g.small',
    engineVersion: '7.2',
    maxmemoryPolicy: 'volatile-lfu',
    reservedMemoryPercent: 50,
    slowLogThreshold: Duration.millis(2),
    parameters: { 'active-expire-effort': '3' },
    snapshotRetentionDays: 15,
    snapshotWindow: '05:00-06:00',
    maintenanceWindow: 'sun:02:00-sun:03:00',
    replicationGroupId,
    encryptionKey,
    logEncryptionKey,
    notificationTopic,
    removalPolicy: RemovalPolicy.DESTROY,
  });
  const template = Template.fromStack(stack);

  test('every prop takes effect', () => {
    template.hasResourceProperties('AWS::ElastiCache::ReplicationGroup', {
      ReplicationGroupId: replicationGroupId,
      NumNodeGroups: 3,
      ReplicasPerNodeGroup: 0,
      AutomaticFailoverEnabled: true,
      MultiAZEnabled: false,
      CacheNodeType: 'cache.t4g.small',
      EngineVersion: '7.2',
      SnapshotRetentionLimit: 15,
      SnapshotWindow: '05:00-06:00',
      PreferredMaintenanceWindow: 'sun:02:00-sun:03:00',
      NotificationTopicArn: notificationTopic.topicArn,
      KmsKeyId: encryptionKey.keyArn,
    });
    template.hasResourceProperties('AWS::ElastiCache::ParameterGroup', {
      CacheParameterGroupFamily: 'valkey7',
      Properties: {
        'maxmemory-policy': 'volatile-lfu',
        'reserved-memory-percent': '50',
        'slowlog-log-slower-than': '2000',
        'active-expire-effort': '3',
      },
    });
    template.hasResourceProperties('AWS::ElastiCache::SubnetGroup', {
      SubnetIds: Match.arrayWith(['subnet-981fa7e0a']),
    });
    template.allResourcesProperties('AWS::Logs::LogGroup', {
      KmsKeyId: stack.resolve(logEncryptionKey.keyArn),
    });
  });

  test('the name of the user starts with that of the group and has at most 40 characters', () => {
    expect(cache.userName).toBe('market-production-ap-southeast-1-cac-app');
    expect(cache.userName).toHaveLength(40);
  });

  test('a shortened id does not end with a hyphen', () => {
    expect(cacheWith({ replicationGroupId: `${'a'.repeat(35)}-b-c` }).cache.userName).toBe(
      `${'a'.repeat(35)}-app`,
    );
  });

  test('no key is created, and nothing outlives the stack', () => {
    template.resourceCountIs('AWS::KMS::Key', 1);
    template.allResources('AWS::ElastiCache::ReplicationGroup', { DeletionPolicy: 'Delete' });
    template.allResources('AWS::ElastiCache::UserGroup', { DeletionPolicy: 'Delete' });
    template.allResources('AWS::Logs::LogGroup', { DeletionPolicy: 'Delete' });
  });
});

test('a final snapshot retains its key, and only its key', () => {
  const { stack } = cacheWith({ removalPolicy: RemovalPolicy.SNAPSHOT });
  const template = Template.fromStack(stack);
  template.allResources('AWS::ElastiCache::ReplicationGroup', { DeletionPolicy: 'Snapshot' });
  template.allResources('AWS::KMS::Key', { DeletionPolicy: 'Retain' });
  template.allResources('AWS::ElastiCache::ParameterGroup', { DeletionPolicy: 'Delete' });
});

describe('values that AWS would refuse', () => {
  test.each<[string, Partial<RegionalCacheProps>, string, Partial<RegionalCacheProps>]>([
    [
      'no shards',
      { shards: 0 },
      'shards must be 1 to 45 with 1 replicas per shard, got 0.',
      { shards: 1 },
    ],
    ['half a shard', { shards: 1.5 }, 'shards must be 1 to 45', { shards: 45 }],
    [
      'more nodes than a cluster has',
      { shards: 16, replicasPerShard: 5 },
      'shards must be 1 to 15 with 5',
      { shards: 15, replicasPerShard: 5 },
    ],
    [
      'six replicas',
      { replicasPerShard: 6 },
      'replicasPerShard must be 0 to 5, got 6.',
      { replicasPerShard: 5 },
    ],
    [
      'a negative number of replicas',
      { replicasPerShard: -1 },
      'replicasPerShard must be 0 to 5',
      { replicasPerShard: 0 },
    ],
    [
      'a Redis version',
      { engineVersion: '7.1' },
      'engineVersion must be a Valkey version',
      { engineVersion: '7.2' },
    ],
    [
      'a patch version',
      { engineVersion: '8.0.1' },
      'engineVersion must be a Valkey version',
      { engineVersion: '8.0' },
    ],
    [
      'snapshots kept too long',
      { snapshotRetentionDays: 36 },
      'snapshotRetentionDays must be 0 to 35, got 36.',
      { snapshotRetentionDays: 35 },
    ],
    [
      'an unknown policy',
      { maxmemoryPolicy: 'lru' as never },
      'maxmemoryPolicy must be one of volatile-lru',
      { maxmemoryPolicy: 'noeviction' },
    ],
    [
      'all memory reserved',
      { reservedMemoryPercent: 100 },
      'reservedMemoryPercent must be a whole number from 0 to 99, got 100.',
      { reservedMemoryPercent: 99 },
    ],
    [
      'every command in the slow log',
      { slowLogThreshold: Duration.millis(0) },
      'slowLogThreshold must be a whole number of milliseconds, at least 1, got "0 ms".',
      { slowLogThreshold: Duration.millis(1) },
    ],
    [
      'a parameter that has a prop',
      { parameters: { 'maxmemory-policy': 'noeviction' } },
      'parameters.maxmemory-policy must be left out',
      { parameters: { 'maxmemory-samples': '5' } },
    ],
    [
      'a parameter in capitals',
      { parameters: { activeDefrag: 'yes' } },
      'parameters must be names of parameters, got "activeDefrag".',
      { parameters: { activedefrag: 'yes' } },
    ],
    [
      'a node type of EC2',
      { nodeType: 'r7g.large' },
      'nodeType must be a node type of ElastiCache, got "r7g.large".',
      { nodeType: 'cache.r7g.large' },
    ],
    [
      'data tiering',
      { nodeType: 'cache.r6gd.xlarge' },
      'nodeType must be a node type that keeps its data in memory',
      { nodeType: 'cache.r6g.xlarge' },
    ],
    [
      'a short maintenance window',
      { maintenanceWindow: 'sun:02:00-sun:02:59' },
      'maintenanceWindow must be a weekly window in UTC of at least 60 minutes',
      { maintenanceWindow: 'sun:02:00-sun:03:00' },
    ],
    [
      'a maintenance window without a day',
      { maintenanceWindow: '02:00-03:00' },
      'maintenanceWindow must be a weekly window',
      { maintenanceWindow: 'wed:02:00-wed:03:00' },
    ],
    [
      'a short snapshot window',
      { snapshotWindow: '23:30-00:00' },
      'snapshotWindow must be a daily window in UTC of at least 60 minutes',
      { snapshotWindow: '23:30-00:30' },
    ],
    [
      'a snapshot window until 24:00',
      { snapshotWindow: '23:00-24:00' },
      'snapshotWindow must be a daily window',
      { snapshotWindow: '23:00-00:00' },
    ],
    [
      'maintenance during the snapshot of its day',
      { maintenanceWindow: 'tue:05:59-tue:07:00' },
      'maintenanceWindow must be apart from the snapshot window, 05:00-06:00 each day, got ' +
        '"tue:05:59-tue:07:00".',
      { maintenanceWindow: 'tue:06:00-tue:07:00' },
    ],
    [
      'maintenance into the snapshot of the next day',
      { maintenanceWindow: 'sat:23:30-sun:00:30', snapshotWindow: '00:00-01:00' },
      'apart from the snapshot window',
      { maintenanceWindow: 'sat:23:00-sun:00:00', snapshotWindow: '00:00-01:00' },
    ],
    [
      'a snapshot into the maintenance of the next day',
      { maintenanceWindow: 'sun:00:00-sun:01:00', snapshotWindow: '23:30-00:30' },
      'apart from the snapshot window',
      { maintenanceWindow: 'sun:00:30-sun:01:30', snapshotWindow: '23:30-00:30' },
    ],
    [
      'maintenance at the time of snapshots, unless none are taken',
      { maintenanceWindow: 'tue:05:00-tue:06:00' },
      'apart from the snapshot window',
      { maintenanceWindow: 'tue:05:00-tue:06:00', snapshotRetentionDays: 0 },
    ],
    [
      'capitals',
      { replicationGroupId: 'Market' },
      'replicationGroupId must be a literal',
      { replicationGroupId: 'market' },
    ],
    [
      'two hyphens',
      { replicationGroupId: 'a--b' },
      'replicationGroupId must be',
      { replicationGroupId: 'a-b' },
    ],
    [
      'a hyphen at the end',
      { replicationGroupId: 'a-' },
      'replicationGroupId must be',
      { replicationGroupId: 'a' },
    ],
    [
      'a digit at the start',
      { replicationGroupId: '1a' },
      'replicationGroupId must be',
      { replicationGroupId: 'a1' },
    ],
    [
      'a long id',
      { replicationGroupId: 'a'.repeat(41) },
      'up to 40',
      { replicationGroupId: 'a'.repeat(40) },
    ],
  ])('%s', (_, refused, message, allowed) => {
    expect(() => cacheWith(refused)).toThrow(message);
    expect(() => cacheWith(allowed)).not.toThrow();
  });

  test('the message names the construct and the fix', () => {
    expect(() => cacheWith({ replicasPerShard: 6 })).toThrow(
      'RegionalCache at Test/Cache: replicasPerShard must be 0 to 5, got 6.\n' +
        'ElastiCache allows 5 replicas of a shard and 90 nodes in a cluster, primaries and ' +
        'replicas together. ' +
        'Lower it. More shards or larger nodes carry more load.',
    );
  });

  test('a single zone', () => {
    const inZones = (zones: number) => () => {
      const stack = testStack();
      new RegionalCache(stack, 'Cache', { vpc: vpcIn(stack, zones) });
    };
    expect(inZones(1)).toThrow(
      'vpcSubnets must be subnets in at least two availability zones, got ["us-east-1a"].',
    );
    expect(inZones(2)).not.toThrow();
  });
});

describe('a cache of another stack', () => {
  const stack = testStack();
  const cache = RegionalCache.fromRegionalCacheAttributes(stack, 'Imported', {
    replicationGroupId: 'Market',
    configurationEndpointAddress: 'market.abc123.clustercfg.use1.cache.amazonaws.com',
    userName: 'market-app',
    securityGroups: [
      ec2.SecurityGroup.fromSecurityGroupId(stack, 'CacheGroup', 'sg-0123456789abcdef0'),
    ],
  });

  test('admits clients by its security group, on the port of every cache', () => {
    cache.connections.allowDefaultPortFrom(ec2.Peer.ipv4('10.0.0.0/16'));
    expect(cache.configurationEndpoint).toEqual({
      hostname: 'market.abc123.clustercfg.use1.cache.amazonaws.com',
      port: 6379,
    });
    Template.fromStack(stack).hasResourceProperties('AWS::EC2::SecurityGroupIngress', {
      GroupId: 'sg-0123456789abcdef0',
      FromPort: 6379,
    });
  });

  test('grants the log-in of its user', () => {
    const granting = testStack();
    const imported = RegionalCache.fromRegionalCacheAttributes(granting, 'Imported', {
      replicationGroupId: 'market',
      configurationEndpointAddress: 'market.abc123.clustercfg.use1.cache.amazonaws.com',
      port: 6380,
      userName: 'market-app',
      securityGroups: [],
    });
    const role = new iam.Role(granting, 'Role', {
      assumedBy: new iam.ServicePrincipal('ec2.amazonaws.com'),
    });
    const policy = new iam.ManagedPolicy(granting, 'Policy', { roles: [role] });
    expect(imported.grantConnect(policy).success).toBe(true);
    expect(imported.configurationEndpoint.port).toBe(6380);
    Template.fromStack(granting).hasResourceProperties('AWS::IAM::ManagedPolicy', {
      PolicyDocument: {
        Statement: [
          Match.objectLike({
            Action: 'elasticache:Connect',
            Resource: [
              { 'Fn::Join': ['', Match.arrayWith([':replicationgroup:market'])] },
              { 'Fn::Join': ['', Match.arrayWith([':user:market-app'])] },
            ],
          }),
        ],
      },
    });
  });

  test('names its metrics as ElastiCache does: in lower case, by group or by node', () => {
    expect(cache.metricEngineCpu()).toMatchObject({
      namespace: 'AWS/ElastiCache',
      metricName: 'EngineCPUUtilization',
      dimensions: { ReplicationGroupId: 'market', Role: 'Primary' },
    });
    expect(cache.metricNode('Evictions', 2, 1, { statistic: 'Sum' })).toMatchObject({
      metricName: 'Evictions',
      statistic: 'Sum',
      dimensions: { CacheClusterId: 'market-0002-001' },
    });
  });
});
