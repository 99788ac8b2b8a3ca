import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { ConnectionPooler } from '../../lib/database/connection-pooler';
import type { ConnectionPoolerProps } from '../../lib/database/connection-pooler-props';
import { testStack } from '../test-stack';

function poolerIn(props: Partial<ConnectionPoolerProps> = {}, zones = ['a', 'b', 'c']): ConnectionPooler {
  const stack = testStack('eu-west-1');
  const vpc = ec2.Vpc.fromVpcAttributes(stack, 'Vpc', {
    vpcId: 'vpc-0123456789abcdef0',
    vpcCidrBlock: '10.0.0.0/16',
    availabilityZones: zones.map((zone) => `eu-west-1${zone}`),
    privateSubnetIds: zones.map((zone) => `subnet-0123456789abcdef${zone}`),
    privateSubnetRouteTableIds: zones.map((zone) => `rtb-0123456789abcdef${zone}`),
  });
  return new ConnectionPooler(stack, 'Pooler', {
    vpc,
    databases: { market: { host: 'readers.market.internal', port: 5432, databaseName: 'market' } },
    connectionBudget: 450,
    users: Secret.fromSecretCompleteArn(stack, 'Users', 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:users-AbCdEf'),
    ...props,
  });
}

describe('a fleet of poolers', () => {
  const pooler = poolerIn();
  const template = Template.fromStack(Stack.of(pooler));

  test('is of a fixed size over the zones, replaced one by one, and judged by its load balancer', () => {
    template.hasResourceProperties('AWS::AutoScaling::AutoScalingGroup', {
      MinSize: '3',
      MaxSize: '3',
      DesiredCapacity: Match.absent(),
      HealthCheckType: 'ELB',
      MaxInstanceLifetime: Duration.days(14).toSeconds(),
      VPCZoneIdentifier: ['a', 'b', 'c'].map((zone) => `subnet-0123456789abcdef${zone}`),
    });
  });

  test('is private, and reached by the port of PostgreSQL', () => {
    template.hasResourceProperties('AWS::ElasticLoadBalancingV2::LoadBalancer', { Scheme: 'internal', Type: 'network' });
    template.hasResourceProperties('AWS::ElasticLoadBalancingV2::Listener', { Port: 5432, Protocol: 'TCP' });
    expect(pooler.endpoint.port).toBe(5432);
  });

  test('runs on encrypted disks and without the first version of the metadata service', () => {
    template.hasResourceProperties('AWS::EC2::LaunchTemplate', {
      LaunchTemplateData: {
        MetadataOptions: { HttpTokens: 'required' },
        BlockDeviceMappings: [Match.objectLike({ Ebs: Match.objectLike({ Encrypted: true }) })],
      },
    });
  });

  test('shares the budget, also while one pooler is replaced', () => {
    // Three poolers, a new one and one that drains.
    expect(pooler.figures.maxDatabaseConnections).toBe(90);
    expect(userData(template)).toContain('max_db_connections = 90');
  });

  test('has nothing secret in what it boots with', () => {
    expect(userData(template)).toContain('secretsmanager get-secret-value');
    expect(userData(template)).not.toMatch(/SCRAM-SHA-256\$\d+:[A-Za-z0-9]/);
  });
});

test('a sandbox may delete its load balancer', () => {
  const pooler = poolerIn({ removalPolicy: RemovalPolicy.DESTROY });
  Template.fromStack(Stack.of(pooler)).hasResourceProperties('AWS::ElasticLoadBalancingV2::LoadBalancer', {
    LoadBalancerAttributes: Match.arrayWith([{ Key: 'deletion_protection.enabled', Value: 'false' }]),
  });
});

test.each<[string, Partial<ConnectionPoolerProps>, string[], RegExp]>([
  ['no pooler', { instances: 0 }, ['a', 'b'], /instances must be 1 to 20, got 0/],
  ['too many', { instances: 21, connectionBudget: 4000 }, ['a', 'b'], /instances must be 1 to 20, got 21/],
  ['one zone', {}, ['a'], /vpcSubnets must be in two availability zones at least/],
  ['no database', { databases: {} }, ['a', 'b'], /databases must be one entry at least/],
  [
    'a budget that leaves less than a pool',
    { connectionBudget: 149 },
    ['a', 'b'],
    /connectionBudget must be at least 150 for 3 poolers, got 149/,
  ],
  ['no such port', { port: 70_000 }, ['a', 'b'], /port must be 1 to 65535, got 70000/],
])('%s is refused', (_, props, zones, message) => {
  expect(() => poolerIn(props, zones)).toThrow(message);
});

test.each<[string, Partial<ConnectionPoolerProps>, string[]]>([
  ['the most', { instances: 20, connectionBudget: 4000 }, ['a', 'b']],
  ['two zones', {}, ['a', 'b']],
  ['a budget of one pool each', { connectionBudget: 150 }, ['a', 'b']],
])('%s passes', (_, props, zones) => {
  expect(() => poolerIn(props, zones)).not.toThrow();
});

function userData(template: Template): string {
  return JSON.stringify(Object.values(template.findResources('AWS::EC2::LaunchTemplate'))[0]?.Properties);
}
