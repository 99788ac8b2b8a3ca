import { type Stack, TimeZone } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { Schedule } from 'aws-cdk-lib/aws-applicationautoscaling';
import {
  RegionalCache,
  type RegionalCacheProps,
} from '../../../lib/constructs/cache/regional-cache';
import type { CacheSchedule } from '../../../lib/constructs/cache/scaling';
import { testStack } from '../../test-stack';
import { vpcIn } from './vpc';

function scaled(props: Omit<RegionalCacheProps, 'vpc'>): { stack: Stack; cache: RegionalCache } {
  const stack = testStack();
  return { stack, cache: new RegionalCache(stack, 'Cache', { vpc: vpcIn(stack), ...props }) };
}

const weekdays = Schedule.expression('cron(0 8 ? * MON-FRI *)');
const opening = (changes: Partial<CacheSchedule> = {}): CacheSchedule => ({
  name: 'Open',
  schedule: weekdays,
  timeZone: TimeZone.AMERICA_NEW_YORK,
  minShards: 3,
  ...changes,
});

describe('a cache that scales by every metric', () => {
  const { stack, cache } = scaled({
    shards: 2,
    scaling: {
      maxShards: 6,
      maxReplicasPerShard: 3,
      targetCpuPercent: 50,
      targetMemoryPercent: 65,
      schedules: [opening()],
    },
  });
  const template = Template.fromStack(stack);
  const target = (dimension: string) => {
    const [found] = Object.values(
      template.findResources('AWS::ApplicationAutoScaling::ScalableTarget', {
        Properties: { ScalableDimension: `elasticache:replication-group:${dimension}` },
      }),
    );
    return found?.Properties;
  };

  test('its shards and its replicas have bounds, under the service-linked role', () => {
    const common = {
      ServiceNamespace: 'elasticache',
      ResourceId: {
        'Fn::Join': ['', ['replication-group/', stack.resolve(cache.replicationGroupId)]],
      },
      RoleARN: {
        'Fn::Join': [
          '',
          [
            'arn:aws:iam::',
            { Ref: 'AWS::AccountId' },
            ':role/aws-service-role/elasticache.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_ElastiCacheRG',
          ],
        ],
      },
    };
    expect(target('NodeGroups')).toMatchObject({ ...common, MinCapacity: 2, MaxCapacity: 6 });
    expect(target('Replicas')).toMatchObject({ ...common, MinCapacity: 1, MaxCapacity: 3 });
    template.resourceCountIs('AWS::IAM::Role', 0);
  });

  test.each([
    ['ElastiCachePrimaryEngineCPUUtilization', 50],
    ['ElastiCacheDatabaseMemoryUsageCountedForEvictPercentage', 65],
    ['ElastiCacheReplicaEngineCPUUtilization', 50],
  ])('%s is kept at %d percent', (metric, target) => {
    template.hasResourceProperties('AWS::ApplicationAutoScaling::ScalingPolicy', {
      PolicyType: 'TargetTrackingScaling',
      TargetTrackingScalingPolicyConfiguration: Match.objectLike({
        PredefinedMetricSpecification: { PredefinedMetricType: metric },
        TargetValue: target,
      }),
    });
  });

  test('a schedule has a time zone', () => {
    expect(target('NodeGroups').ScheduledActions).toEqual([
      {
        ScheduledActionName: 'Open',
        Schedule: 'cron(0 8 ? * MON-FRI *)',
        Timezone: 'America/New_York',
        ScalableTargetAction: { MinCapacity: 3, MaxCapacity: 6 },
      },
    ]);
  });

  test('the template always has the initial number of shards', () => {
    template.hasResourceProperties('AWS::ElastiCache::ReplicationGroup', { NumNodeGroups: 2 });
  });
});

test('by default, CPU of the engine scales the shards, and the replicas do not scale', () => {
  const template = Template.fromStack(scaled({ scaling: { maxShards: 4 } }).stack);
  template.resourceCountIs('AWS::ApplicationAutoScaling::ScalableTarget', 1);
  template.resourceCountIs('AWS::ApplicationAutoScaling::ScalingPolicy', 1);
  template.hasResourceProperties('AWS::ApplicationAutoScaling::ScalingPolicy', {
    TargetTrackingScalingPolicyConfiguration: Match.objectLike({ TargetValue: 60 }),
  });
});

describe('scaling that AWS would refuse', () => {
  type Props = Omit<RegionalCacheProps, 'vpc'>;
  const withTarget = (targetCpuPercent: number): Props => ({
    scaling: { maxShards: 4, targetCpuPercent },
  });
  const withSchedule = (changes: Partial<CacheSchedule>): Props => ({
    scaling: { maxShards: 4, schedules: [opening(changes)] },
  });
  test.each<[string, Props, string, Props]>([
    [
      'a burstable node',
      { nodeType: 'cache.t4g.medium', scaling: { maxShards: 4 } },
      'nodeType must be one of the families c7gn, m5, m6g, m7g, r5, r6g, r7g, in the sizes ' +
        'large, xlarge, 2xlarge, with `scaling`, got "cache.t4g.medium".',
      { nodeType: 'cache.t4g.medium' },
    ],
    [
      'a node that is too large',
      { nodeType: 'cache.r7g.4xlarge', scaling: { maxShards: 4 } },
      'nodeType must be one of the families',
      { nodeType: 'cache.r7g.2xlarge', scaling: { maxShards: 4 } },
    ],
    [
      'more nodes than a cluster has',
      { scaling: { maxShards: 46 } },
      'scaling.maxShards must be 1 to 45 with 1 replicas per shard',
      { scaling: { maxShards: 45 } },
    ],
    [
      'more nodes than a cluster has, with all replicas',
      { scaling: { maxShards: 31, maxReplicasPerShard: 2 } },
      'scaling.maxShards must be 1 to 30 with 2 replicas per shard',
      { scaling: { maxShards: 30, maxReplicasPerShard: 2 } },
    ],
    [
      'a minimum above the maximum',
      { shards: 4, scaling: { minShards: 5, maxShards: 4 } },
      'scaling.minShards must be 1 to 4, the maximum of its scaling, got 5.',
      { shards: 4, scaling: { minShards: 4, maxShards: 4 } },
    ],
    [
      'initial shards below the bounds',
      { shards: 2, scaling: { minShards: 3, maxShards: 4 } },
      'shards must be 3 to 4, the bounds of its scaling, got 2.',
      { shards: 3, scaling: { minShards: 3, maxShards: 4 } },
    ],
    [
      'six replicas',
      { scaling: { maxShards: 2, maxReplicasPerShard: 6 } },
      'scaling.maxReplicasPerShard must be 0 to 5',
      withTarget(60),
    ],
    [
      'scaling from 0 replicas',
      { replicasPerShard: 0, scaling: { maxShards: 4, maxReplicasPerShard: 2 } },
      'replicasPerShard must be 1 to 2, the maximum of its scaling, got 0.',
      { replicasPerShard: 0, scaling: { maxShards: 4 } },
    ],
    [
      'a low target',
      withTarget(34),
      'scaling.targetCpuPercent must be 35 to 70, got 34.',
      withTarget(35),
    ],
    [
      'a high target',
      withTarget(71),
      'scaling.targetCpuPercent must be 35 to 70, got 71.',
      withTarget(70),
    ],
    [
      'a high target for memory',
      { scaling: { maxShards: 4, targetMemoryPercent: 80 } },
      'scaling.targetMemoryPercent must be 35 to 70',
      { scaling: { maxShards: 4, targetMemoryPercent: 70 } },
    ],
    [
      'a schedule above the maximum',
      withSchedule({ minShards: 5 }),
      'scaling.schedules[0].minShards must be 1 to 4',
      withSchedule({ minShards: 4 }),
    ],
    [
      'a schedule with a higher maximum',
      withSchedule({ maxShards: 5 }),
      'scaling.schedules[0].maxShards must be 1 to 4',
      withSchedule({ maxShards: 4 }),
    ],
    [
      'an unknown time zone',
      withSchedule({ timeZone: TimeZone.of('America/New_Amsterdam') }),
      'scaling.schedules[0].timeZone must be an IANA time zone, got "America/New_Amsterdam".',
      withSchedule({ timeZone: TimeZone.of('Asia/Singapore') }),
    ],
    [
      'two schedules with one name',
      { scaling: { maxShards: 4, schedules: [opening(), opening()] } },
      'scaling.schedules[1].name must be unique, got "Open".',
      {
        scaling: { maxShards: 4, schedules: [opening(), opening({ name: 'Close', minShards: 2 })] },
      },
    ],
  ])('%s', (_, refused, message, allowed) => {
    expect(() => scaled(refused)).toThrow(message);
    expect(() => scaled(allowed)).not.toThrow();
  });
});
