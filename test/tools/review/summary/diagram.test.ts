import type { AssemblyStack, TemplateResource } from '../../../../lib/tools/assembly/assembly';
import { deploymentDiagram } from '../../../../lib/tools/review/summary/diagram';

function stack(
  region: string,
  path: string,
  Resources: Record<string, TemplateResource>,
): AssemblyStack {
  return { path, stackName: path, region, dependsOn: [], template: { Resources } };
}

const distribution: TemplateResource = {
  Type: 'AWS::CloudFront::Distribution',
  Properties: {
    DistributionConfig: {
      CacheBehaviors: [{}, {}],
      Origins: [{ DomainName: 'read.example.com' }, { DomainName: 'write.example.com' }],
    },
  },
};

const record = (name: string): TemplateResource => ({
  Type: 'AWS::Route53::RecordSet',
  Properties: { Name: `${name}.` },
});

const DIAGRAM = deploymentDiagram({
  directory: 'cdk.out',
  stacks: [
    stack('us-east-1', 'Edge', { Cdn: distribution, Acl: { Type: 'AWS::WAFv2::WebACL' } }),
    stack('us-east-1', 'Database', {
      Vpc: { Type: 'AWS::EC2::VPC' },
      Primary: {
        Type: 'AWS::RDS::DBInstance',
        Properties: { DBInstanceIdentifier: 'market-primary' },
      },
      Leaf: {
        Type: 'AWS::RDS::DBInstance',
        Properties: {
          DBInstanceIdentifier: 'market-us-east-1-leaf-1',
          SourceDBInstanceIdentifier: { Ref: 'Primary' },
        },
      },
      Read: record('read.example.com'),
      Write: record('write.example.com'),
    }),
    stack('eu-west-1', 'Everything', {
      Vpc: { Type: 'AWS::EC2::VPC' },
      Balancer: { Type: 'AWS::ElasticLoadBalancingV2::LoadBalancer', Properties: {} },
      Fleet: {
        Type: 'AWS::AutoScaling::AutoScalingGroup',
        Properties: { MinSize: '2', MaxSize: '50' },
      },
      Poolers: {
        Type: 'AWS::AutoScaling::AutoScalingGroup',
        Properties: { MinSize: '3', MaxSize: '3', TargetGroupARNs: [{ Ref: 'Pooled' }] },
      },
      Pooled: { Type: 'AWS::ElasticLoadBalancingV2::TargetGroup', Properties: { Protocol: 'TCP' } },
      Cache: {
        Type: 'AWS::ElastiCache::ReplicationGroup',
        Properties: { NumNodeGroups: 2, ReplicasPerNodeGroup: 1 },
      },
      Follower: {
        Type: 'AWS::ElastiCache::ReplicationGroup',
        Properties: { ReplicasPerNodeGroup: 1, GlobalReplicationGroupId: 'ldgnf-market' },
      },
      Hub: {
        Type: 'AWS::RDS::DBInstance',
        Properties: {
          DBInstanceIdentifier: 'market-eu-west-1-hub',
          SourceDBInstanceIdentifier: {
            'Fn::Join': [
              '',
              ['arn:aws:rds:us-east-1:', { Ref: 'AWS::AccountId' }, ':db:market-primary'],
            ],
          },
        },
      },
      Read: record('read.example.com'),
    }),
  ],
}).split('\n');

test.each([
  ['viewers behind the web ACL', '  viewers --> waf --> cdn'],
  ['the number of behaviors with the default one', '  cdn["CloudFront<br/>3 behaviors"]'],
  ['reads to every region that serves them', '  cdn -- "read" --> eu_west_1'],
  ['reads to the primary region too', '  cdn -- "read" --> us_east_1'],
  ['writes to the primary region', '  cdn -- "write" --> us_east_1'],
  ['the fleet behind its load balancer', '    eu_west_1_Balancer --> eu_west_1_Fleet'],
  ['a cache with its shards and nodes', '    eu_west_1_Cache[("Valkey<br/>2 shards, 4 nodes")]'],
  [
    'a cache that follows another region',
    '    eu_west_1_Follower[("Valkey<br/>follows another region")]',
  ],
  ['poolers beside the fleet', '    eu_west_1_Poolers["PgBouncer<br/>3 instances"]'],
  ['connections of the fleet to the poolers', '    eu_west_1_Fleet --> eu_west_1_Poolers'],
  ['connections of the poolers to the databases', '    eu_west_1_Poolers --> eu_west_1_Hub'],
  ['the cache with its nodes', '    eu_west_1_Cache[("Valkey<br/>2 shards, 4 nodes")]'],
  [
    'replication within a region, by reference',
    '  us_east_1_Primary -. replicates .-> us_east_1_Leaf',
  ],
  ['replication across regions, by ARN', '  us_east_1_Primary -. replicates .-> eu_west_1_Hub'],
  ['the role of an instance', '    eu_west_1_Hub[("PostgreSQL<br/>hub")]'],
])('the diagram shows %s', (_what, line) => {
  expect(DIAGRAM).toContain(line);
});

test('no application load balancer is linked to the poolers', () => {
  expect(DIAGRAM).not.toContain('    eu_west_1_Balancer --> eu_west_1_Poolers');
});

test('writes are linked to one region only', () => {
  expect(DIAGRAM.filter((line) => line.includes('"write"'))).toHaveLength(1);
});

test('every region is a closed subgraph', () => {
  expect(DIAGRAM.filter((line) => line.startsWith('  subgraph'))).toHaveLength(2);
  expect(DIAGRAM.filter((line) => line === '  end')).toHaveLength(2);
});

test('values of a template stay text in a label, and ids stay identifiers', () => {
  const hostile = 'a"]; click x href "https://evil.example" <b>(\n';
  const template = {
    Resources: {
      [hostile]: { Type: 'AWS::EC2::VPC' },
      Db: { Type: 'AWS::RDS::DBInstance', Properties: { DBInstanceIdentifier: hostile } },
      Copy: {
        Type: 'AWS::RDS::DBInstance',
        Properties: { SourceDBInstanceIdentifier: `arn:aws:rds:r:1:db:${hostile}` },
      },
      [`Fleet${hostile}`]: {
        Type: 'AWS::AutoScaling::AutoScalingGroup',
        Properties: { MinSize: hostile, MaxSize: '"' },
      },
    },
  };
  const stack = { path: 'a', stackName: 'a', region: hostile, dependsOn: [], template };
  const diagram = deploymentDiagram({ directory: 'out', stacks: [stack] });
  expect(diagram).not.toMatch(/click x href "|<b>|^\s*click/m);
  for (const line of diagram.split('\n'))
    expect(line.match(/"/g)?.length ?? 0).toBeLessThanOrEqual(2);
});
