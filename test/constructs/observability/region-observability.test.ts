import { App, Duration, Size, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import * as sns from 'aws-cdk-lib/aws-sns';
import type { CacheTopology } from '../../../lib/constructs/observability/interfaces';
import {
  RegionObservability,
  type RegionObservabilityProps,
} from '../../../lib/constructs/observability/region-observability';
import { testStack } from '../../test-stack';
import {
  autoScalingGroup,
  database,
  importedKey,
  loadBalancer,
  pooler,
  targetGroup,
} from './resources';

interface AlarmProperties {
  AlarmName: string;
  Threshold: number;
  EvaluationPeriods: number;
  DatapointsToAlarm: number;
  TreatMissingData: string;
  AlarmActions: unknown[];
  OKActions: unknown[];
  ActionsEnabled?: boolean;
  AlarmDescription: string;
  Metrics?: {
    Expression?: string;
    Id: string;
    MetricStat?: {
      Metric: { MetricName: string; Dimensions: { Name: string; Value: string }[] };
      Period: number;
    };
  }[];
}

/** The alarms of a region, by name. */
function alarmsOf(
  build: (stack: Stack) => Partial<RegionObservabilityProps>,
  region = 'ap-southeast-1',
) {
  const stack = testStack(region);
  const observability = new RegionObservability(stack, 'Observability', {
    name: 'market',
    encryptionKey: importedKey(stack),
    ...build(stack),
  });
  const template = Template.fromStack(stack);
  const alarms: Record<string, AlarmProperties> = {};
  for (const { Properties } of Object.values(template.findResources('AWS::CloudWatch::Alarm')))
    alarms[Properties.AlarmName] = Properties;
  return { alarms, template, observability, names: Object.keys(alarms).sort() };
}

const expressionOf = (alarm?: AlarmProperties) =>
  alarm?.Metrics?.find(({ Expression }) => Expression)?.Expression;
/** The metrics of an expression by id, each with the value of its last dimension. */
const metricsOf = (alarm?: AlarmProperties) =>
  Object.fromEntries(
    (alarm?.Metrics ?? []).flatMap(({ Id, MetricStat }) =>
      MetricStat
        ? [[Id, `${MetricStat.Metric.MetricName} of ${MetricStat.Metric.Dimensions.at(-1)?.Value}`]]
        : [],
    ),
  );

describe('a whole region', () => {
  const { alarms, names, template, observability } = alarmsOf((stack) => ({
    alarmNamePrefix: 'market-production',
    loadBalancer: loadBalancer(stack),
    targetGroup: targetGroup(stack),
    autoScalingGroup: autoScalingGroup(stack),
    primary: database(stack, 'market-primary'),
    replicas: [database(stack, 'market-hub'), database(stack, 'market-leaf')],
    pooler: pooler(stack),
    replicationGroup: { replicationGroupId: 'Market-Cache', shards: 2, replicasPerShard: 1 },
  }));

  test('has an alarm per resource and symptom', () => {
    const database = ['Connections-Critical', 'Cpu-Warning', 'FreeStorage-Critical'];
    const replica = [...database, 'Lag-Warning', 'LagBeyondIdle-Critical'];
    const shard = [
      'AuthenticationFailures-Warning',
      'Bandwidth-Warning',
      'Connections-Warning',
      'EngineCpu-Warning',
      'Evictions-Warning',
      'FreeableMemory-Critical',
      'ReplicationLag-Warning',
      'Throttled-Warning',
    ];
    const expected = {
      'Cache-0001': shard,
      'Cache-0002': shard,
      Fleet: ['AtMaximum-Warning', 'Cpu-Warning'],
      LoadBalancer: ['ErrorRate-Critical', 'P95Latency-Critical'],
      Poolers: [
        'LongestWait-Critical',
        'NoneHealthy-Critical',
        'NoUsers-Warning',
        'Unhealthy-Warning',
        'Waiting-Warning',
      ],
      Primary: database,
      Replica1: replica,
      Replica2: replica,
      Targets: ['NoneHealthy-Critical', 'Unhealthy-Warning'],
    };
    expect(names).toEqual(
      Object.entries(expected)
        .flatMap(([watched, symptoms]) =>
          symptoms.map((symptom) => `market-production-${watched}-${symptom}`),
        )
        .sort(),
    );
    expect(observability.alarms).toHaveLength(names.length);
  });

  test('notifies the encrypted topic of every alarm and its end, with the first steps', () => {
    const [topic] = Object.keys(template.findResources('AWS::SNS::Topic'));
    for (const alarm of Object.values(alarms)) {
      expect(alarm.AlarmActions).toEqual([{ Ref: topic }]);
      expect(alarm.OKActions).toEqual([{ Ref: topic }]);
      expect(alarm.ActionsEnabled).toBe(true);
      expect(alarm.AlarmDescription).toMatch(/First|check that/);
      // PutMetricAlarm's limit.
      expect(alarm.AlarmDescription.length).toBeLessThanOrEqual(1024);
    }
  });

  // 10 GiB of free storage and 100 MiB of freeable memory are given in bytes.
  test.each`
    name                                           | threshold         | periods | missing
    ${'LoadBalancer-P95Latency-Critical'}          | ${0.1}            | ${3}    | ${'notBreaching'}
    ${'LoadBalancer-ErrorRate-Critical'}           | ${0.5}            | ${2}    | ${'notBreaching'}
    ${'Targets-NoneHealthy-Critical'}              | ${1}              | ${3}    | ${'breaching'}
    ${'Targets-Unhealthy-Warning'}                 | ${0}              | ${3}    | ${'notBreaching'}
    ${'Fleet-Cpu-Warning'}                         | ${80}             | ${3}    | ${'missing'}
    ${'Fleet-AtMaximum-Warning'}                   | ${100}            | ${3}    | ${'missing'}
    ${'Primary-Cpu-Warning'}                       | ${80}             | ${3}    | ${'missing'}
    ${'Primary-Connections-Critical'}              | ${400}            | ${5}    | ${'missing'}
    ${'Primary-FreeStorage-Critical'}              | ${10_737_418_240} | ${2}    | ${'missing'}
    ${'Poolers-Waiting-Warning'}                   | ${0}              | ${10}   | ${'notBreaching'}
    ${'Poolers-LongestWait-Critical'}              | ${60}             | ${2}    | ${'notBreaching'}
    ${'Poolers-NoUsers-Warning'}                   | ${1}              | ${10}   | ${'breaching'}
    ${'Poolers-NoneHealthy-Critical'}              | ${1}              | ${3}    | ${'breaching'}
    ${'Poolers-Unhealthy-Warning'}                 | ${0}              | ${3}    | ${'notBreaching'}
    ${'Replica1-Lag-Warning'}                      | ${30}             | ${5}    | ${'notBreaching'}
    ${'Replica1-LagBeyondIdle-Critical'}           | ${330}            | ${5}    | ${'breaching'}
    ${'Cache-0001-EngineCpu-Warning'}              | ${80}             | ${3}    | ${'missing'}
    ${'Cache-0001-FreeableMemory-Critical'}        | ${104_857_600}    | ${3}    | ${'missing'}
    ${'Cache-0001-Evictions-Warning'}              | ${1000}           | ${15}   | ${'missing'}
    ${'Cache-0001-ReplicationLag-Warning'}         | ${30}             | ${5}    | ${'missing'}
    ${'Cache-0001-Connections-Warning'}            | ${52_000}         | ${5}    | ${'missing'}
    ${'Cache-0001-AuthenticationFailures-Warning'} | ${10}             | ${2}    | ${'missing'}
    ${'Cache-0001-Throttled-Warning'}              | ${0}              | ${5}    | ${'missing'}
    ${'Cache-0001-Bandwidth-Warning'}              | ${0}              | ${5}    | ${'missing'}
  `(
    '$name rings at $threshold for $periods periods, and missing data is $missing',
    ({ name, threshold, periods, missing }) => {
      expect(alarms[`market-production-${name}`]).toMatchObject({
        Threshold: threshold,
        EvaluationPeriods: periods,
        DatapointsToAlarm: periods,
        TreatMissingData: missing,
      });
    },
  );

  test('counts errors of the load balancer itself as requests, so that a total outage rings', () => {
    expect(expressionOf(alarms['market-production-LoadBalancer-ErrorRate-Critical'])).toBe(
      'IF(FILL(requests, 0) + FILL(balancer5xx, 0) > 100, ' +
        '100 * (FILL(target5xx, 0) + FILL(balancer5xx, 0)) / (FILL(requests, 0) + ' +
        'FILL(balancer5xx, 0)), 0)',
    );
  });

  test('ignores latency over a few requests', () => {
    expect(expressionOf(alarms['market-production-LoadBalancer-P95Latency-Critical'])).toBe(
      'IF(sampleCount > 100, metric)',
    );
  });

  test('rings for lag only while the primary of the region writes', () => {
    const lag = alarms['market-production-Replica2-Lag-Warning'];
    expect(expressionOf(lag)).toBe(`IF(writes > ${256 * 1024}, lag, 0)`);
    expect(metricsOf(lag)).toEqual({
      lag: 'ReplicaLag of market-leaf',
      writes: 'WriteThroughput of market-primary',
    });
  });

  test('also has an unconditional alarm on lag', () => {
    const lag = alarms['market-production-Replica2-LagBeyondIdle-Critical'];
    expect(expressionOf(lag)).toBeUndefined();
    expect(Object.values(metricsOf(lag))).toEqual(['ReplicaLag of market-leaf']);
  });

  test('uses the worst node of a shard, by the lower-case ids of ElastiCache', () => {
    const cpu = alarms['market-production-Cache-0002-EngineCpu-Warning'];
    expect(expressionOf(cpu)).toBe('MAX([s2n1, s2n2])');
    expect(metricsOf(cpu)).toEqual({
      s2n1: 'EngineCPUUtilization of market-cache-0002-001',
      s2n2: 'EngineCPUUtilization of market-cache-0002-002',
    });
    expect(expressionOf(alarms['market-production-Cache-0001-FreeableMemory-Critical'])).toBe(
      'MIN([s1n1, s1n2])',
    );
  });

  test('uses the pooler with the fewest users, and the load balancer of the poolers', () => {
    const asked = (symptom: string) =>
      alarms[`market-production-Poolers-${symptom}`]?.Metrics?.[0]?.MetricStat;
    expect(asked('NoUsers-Warning')).toMatchObject({
      Metric: { MetricName: 'Users' },
      Stat: 'Minimum',
    });
    expect(asked('NoneHealthy-Critical')?.Metric).toMatchObject({
      Namespace: 'AWS/NetworkELB',
      MetricName: 'HealthyHostCount',
    });
    expect(asked('NoneHealthy-Critical')?.Metric.Dimensions).toContainEqual({
      Name: 'LoadBalancer',
      Value: 'net/poolers/50dc6c495c0c9189',
    });
  });

  test('has one dashboard, named after the region, because dashboard names are global', () => {
    template.resourceCountIs('AWS::CloudWatch::Dashboard', 1);
    template.hasResourceProperties('AWS::CloudWatch::Dashboard', {
      DashboardName: 'market-ap-southeast-1',
    });
  });
});

describe('custom objectives and thresholds', () => {
  const { alarms } = alarmsOf((stack) => ({
    objectives: {
      p95Latency: Duration.millis(50),
      errorRatePercent: 0.1,
      cpuPercent: 91,
      replicaLag: Duration.seconds(5),
      evictionsPerMinute: 7,
    },
    minimumRequests: 20,
    maxDatabaseConnections: 101,
    minimumFreeStorage: Size.gibibytes(1),
    busyWritesPerSecond: Size.kibibytes(1),
    loadBalancer: loadBalancer(stack),
    autoScalingGroup: autoScalingGroup(stack),
    replicas: [database(stack, 'market-hub')],
    replicationGroup: { replicationGroupId: 'market', shards: 1, replicasPerShard: 5 },
  }));

  test.each([
    ['LoadBalancer-P95Latency-Critical', 0.05],
    ['LoadBalancer-ErrorRate-Critical', 0.1],
    ['Fleet-Cpu-Warning', 91],
    ['Replica1-Cpu-Warning', 91],
    ['Replica1-Connections-Critical', 80],
    ['Replica1-FreeStorage-Critical', 1024 ** 3],
    ['Replica1-Lag-Warning', 5],
    ['Replica1-LagBeyondIdle-Critical', 305],
    ['Cache-0001-EngineCpu-Warning', 91],
    ['Cache-0001-Evictions-Warning', 7],
    ['Cache-0001-ReplicationLag-Warning', 5],
  ])('move %s to %d', (name, threshold) => {
    expect(alarms[`market-${name}`]?.Threshold).toBe(threshold);
  });

  test('change the conditions', () => {
    expect(expressionOf(alarms['market-LoadBalancer-P95Latency-Critical'])).toContain(
      'sampleCount > 20',
    );
    expect(expressionOf(alarms['market-LoadBalancer-ErrorRate-Critical'])).toContain(' > 20,');
    expect(expressionOf(alarms['market-Replica1-Lag-Warning'])).toContain('writes > 1024');
  });

  test('use the writes of the replica itself if the primary is in another region', () => {
    expect(metricsOf(alarms['market-Replica1-Lag-Warning'])).toEqual({
      lag: 'ReplicaLag of market-hub',
      writes: 'WriteThroughput of market-hub',
    });
  });

  test('keep the largest shard under the 10 metrics of an alarm', () => {
    expect(Object.keys(metricsOf(alarms['market-Cache-0001-Evictions-Warning']))).toHaveLength(6);
  });
});

describe('a cache with further alarms', () => {
  const cacheAlarms = (topology: Partial<CacheTopology>) =>
    alarmsOf(() => ({
      replicationGroup: {
        replicationGroupId: 'Market',
        shards: 1,
        replicasPerShard: 1,
        ...topology,
      },
    })).alarms;
  const plain = Object.keys(cacheAlarms({}));
  const more = (topology: Partial<CacheTopology>) => {
    const alarms = cacheAlarms(topology);
    return Object.values(alarms).filter(({ AlarmName }) => !plain.includes(AlarmName));
  };

  test('that scales has an alarm on all primaries, by the metric that scaling follows', () => {
    const [alarm, ...others] = more({ scales: true });
    expect([alarm?.AlarmName, others]).toEqual(['market-Cache-PrimariesCpu-Warning', []]);
    expect(alarm).toMatchObject({ Threshold: 80, EvaluationPeriods: 3 });
    expect(alarm?.Metrics?.map(({ MetricStat }) => MetricStat?.Metric)).toMatchObject([
      {
        MetricName: 'EngineCPUUtilization',
        Dimensions: [
          { Name: 'ReplicationGroupId', Value: 'market' },
          { Name: 'Role', Value: 'Primary' },
        ],
      },
    ]);
  });

  test('without eviction has an alarm on memory', () => {
    expect(
      more({ evicts: false }).map(({ AlarmName, Threshold }) => [AlarmName, Threshold]),
    ).toEqual([['market-Cache-0001-Memory-Critical', 80]]);
    expect(more({ evicts: true })).toEqual([]);
  });

  test('that follows another region has an alarm on its lag', () => {
    const [alarm, ...others] = more({ isSecondary: true });
    expect([alarm?.AlarmName, alarm?.Threshold, others]).toEqual([
      'market-Cache-0001-GlobalLag-Warning',
      30,
      [],
    ]);
    expect(metricsOf(alarm)).toEqual({
      s1n1: 'GlobalDatastoreReplicationLag of market-0001-001',
      s1n2: 'GlobalDatastoreReplicationLag of market-0001-002',
    });
  });
});

describe('a subset of resources', () => {
  test.each<[string, (stack: Stack) => Partial<RegionObservabilityProps>, number]>([
    ['nothing', () => ({}), 0],
    ['a load balancer', (stack) => ({ loadBalancer: loadBalancer(stack) }), 2],
    ['targets', (stack) => ({ targetGroup: targetGroup(stack) }), 2],
    ['a fleet', (stack) => ({ autoScalingGroup: autoScalingGroup(stack) }), 2],
    ['a primary', (stack) => ({ primary: database(stack, 'market-primary') }), 3],
    [
      'a cache without replicas, and without their lag',
      () => ({ replicationGroup: { replicationGroupId: 'm', shards: 1, replicasPerShard: 0 } }),
      7,
    ],
  ])('%s', (_, build, count) => {
    expect(alarmsOf(build).names).toHaveLength(count);
  });

  test('an existing topic receives the alarms, and no other is created', () => {
    const { template, alarms } = alarmsOf((stack) => ({
      encryptionKey: undefined,
      alarmTopic: sns.Topic.fromTopicArn(
        stack,
        'OnCall',
        'arn:aws:sns:ap-southeast-1:111122223333:on-call',
      ),
      autoScalingGroup: autoScalingGroup(stack),
    }));
    template.resourceCountIs('AWS::SNS::Topic', 0);
    expect(alarms['market-Fleet-Cpu-Warning']?.AlarmActions).toEqual([
      'arn:aws:sns:ap-southeast-1:111122223333:on-call',
    ]);
  });
});

describe('values that are refused', () => {
  const make = (build: (stack: Stack) => Partial<RegionObservabilityProps>) => {
    const stack = new Stack(new App(), 'Test', { env: { region: 'ap-southeast-1' } });
    return () =>
      new RegionObservability(stack, 'Observability', {
        name: 'market',
        encryptionKey: importedKey(stack),
        ...build(stack),
      });
  };
  const elsewhere = (stack: Stack) =>
    new Stack(stack.node.scope, 'Elsewhere', { env: { region: 'eu-west-1' } });
  const cache = (shards: number, replicasPerShard: number) => ({
    replicationGroup: { replicationGroupId: 'market', shards, replicasPerShard },
  });
  const topic = (stack: Stack, region: string) =>
    sns.Topic.fromTopicArn(stack, 'Topic', `arn:aws:sns:${region}:111122223333:on-call`);

  test.each<[string, (stack: Stack) => Partial<RegionObservabilityProps>, string]>([
    [
      'a name that CloudWatch refuses',
      () => ({ name: 'market/prod' }),
      'name must be 1 to 200 letters',
    ],
    [
      'a prefix that is too long',
      () => ({ alarmNamePrefix: 'a'.repeat(201) }),
      'alarmNamePrefix must be 1 to 200 letters',
    ],
    [
      'neither a key nor a topic',
      () => ({ encryptionKey: undefined }),
      'alarmTopic must be given if `encryptionKey` is not',
    ],
    [
      'both a key and a topic',
      (stack) => ({ alarmTopic: topic(stack, stack.region) }),
      'alarmTopic must be given if `encryptionKey` is not',
    ],
    [
      'addresses for an existing topic',
      (stack) => ({
        encryptionKey: undefined,
        alarmTopic: topic(stack, stack.region),
        alarmEmails: ['a@example.com'],
      }),
      'alarmEmails must be left out',
    ],
    [
      'a topic in another region',
      (stack) => ({ encryptionKey: undefined, alarmTopic: topic(stack, 'eu-west-1') }),
      'alarmTopic must be in ap-southeast-1',
    ],
    ['no shards', () => cache(0, 1), 'replicationGroup.shards must be a whole number from 1 to 90'],
    [
      '91 shards',
      () => cache(91, 1),
      'replicationGroup.shards must be a whole number from 1 to 90',
    ],
    [
      '6 replicas',
      () => cache(1, 6),
      'replicationGroup.replicasPerShard must be a whole number from 0 to 5',
    ],
    [
      'half a replica',
      () => cache(1, 0.5),
      'replicationGroup.replicasPerShard must be a whole number from 0 to 5',
    ],
    [
      'a minimum of 0 requests',
      () => ({ minimumRequests: 0 }),
      'minimumRequests must be a whole number of at least 1',
    ],
    [
      'a maximum of 0 connections',
      () => ({ maxDatabaseConnections: 0 }),
      'maxDatabaseConnections must be a whole number of at least 1',
    ],
    [
      'an objective out of range',
      () => ({ objectives: { cpuPercent: 100 } }),
      'objectives.cpuPercent must be above 0',
    ],
  ])('%s', (_, build, message) => {
    expect(make(build)).toThrow(`RegionObservability at Test/Observability: ${message}`);
  });

  test.each<[string, (stack: Stack, region: Stack) => Partial<RegionObservabilityProps>]>([
    ['encryptionKey', (_, far) => ({ encryptionKey: importedKey(far) })],
    ['loadBalancer', (_, far) => ({ loadBalancer: loadBalancer(far) })],
    ['targetGroup', (_, far) => ({ targetGroup: targetGroup(far) })],
    ['autoScalingGroup', (_, far) => ({ autoScalingGroup: autoScalingGroup(far) })],
    ['pooler', (_, far) => ({ pooler: pooler(far) })],
    ['primary', (_, far) => ({ primary: database(far, 'primary') })],
    ['replicas[1]', (near, far) => ({ replicas: [database(near, 'near'), database(far, 'far')] })],
  ])('%s in another region', (property, build) => {
    expect(make((stack) => build(stack, elsewhere(stack)))).toThrow(
      `RegionObservability at Test/Observability: ${property} must be in ap-southeast-1`,
    );
  });

  test.each<[string, (stack: Stack) => Partial<RegionObservabilityProps>]>([
    ['the longest name', () => ({ name: 'a'.repeat(200) })],
    [
      'a topic of the region',
      (stack) => ({ encryptionKey: undefined, alarmTopic: topic(stack, stack.region) }),
    ],
    [
      'a resource of a stack without a region',
      (stack) => ({ primary: database(new Stack(stack.node.scope, 'Agnostic'), 'primary') }),
    ],
    ['the most shards', () => cache(90, 5)],
    ['one shard alone', () => cache(1, 0)],
    ['one request', () => ({ minimumRequests: 1, maxDatabaseConnections: 1 })],
  ])('allowed: %s', (_, build) => {
    expect(make(build)).not.toThrow();
  });
});
