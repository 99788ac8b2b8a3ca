import { App, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as kms from 'aws-cdk-lib/aws-kms';
import {
  RegionNetwork,
  type RegionNetworkProps,
} from '../../../lib/constructs/network/region-network';
import { testStack } from '../../test-stack';

const ZONES = ['ap-southeast-1a', 'ap-southeast-1b', 'ap-southeast-1c'];

function network(
  props: Partial<RegionNetworkProps> = {},
  region = 'ap-southeast-1',
): RegionNetwork {
  return new RegionNetwork(testStack(region), 'Network', { availabilityZones: ZONES, ...props });
}

/** The blocks of the subnets of a group, by its CDK tag, in order. */
function blocks(template: Template, group: string): string[] {
  const tag = Match.objectLike({ Key: 'aws-cdk:subnet-name', Value: group });
  return Object.values(
    template.findResources('AWS::EC2::Subnet', { Properties: { Tags: Match.arrayWith([tag]) } }),
  ).map((subnet) => subnet.Properties.CidrBlock);
}

describe('by default', () => {
  const built = network();
  const template = Template.fromStack(Stack.of(built));

  test('each zone has a subnet of each kind, in a block with room for six zones', () => {
    expect(blocks(template, 'Public')).toEqual(['10.0.0.0/21', '10.0.8.0/21', '10.0.16.0/21']);
    expect(blocks(template, 'Private')).toEqual(['10.0.48.0/21', '10.0.56.0/21', '10.0.64.0/21']);
    expect(blocks(template, 'Isolated')).toEqual([
      '10.0.96.0/21',
      '10.0.104.0/21',
      '10.0.112.0/21',
    ]);
    template.allResourcesProperties('AWS::EC2::Subnet', { MapPublicIpOnLaunch: false });
  });

  test("the VPC names the given zones only, not CDK's placeholders for reserved ones", () => {
    expect(built.vpc.availabilityZones).toEqual(ZONES);
    expect(built.availabilityZones).toEqual(ZONES);
  });

  test('each zone has its own NAT gateway, and isolated subnets have no route to it', () => {
    template.resourceCountIs('AWS::EC2::NatGateway', 3);
    const routes = Object.keys(template.findResources('AWS::EC2::Route'));
    expect(routes.filter((route) => route.includes('PrivateSubnet'))).toHaveLength(3);
    expect(routes.filter((route) => route.includes('IsolatedSubnet'))).toHaveLength(0);
  });

  test('the default security group loses its rules', () => {
    template.resourceCountIs('Custom::VpcRestrictDefaultSG', 1);
  });

  test('it has two gateway endpoints and the default interface endpoints in isolated subnets', () => {
    const services = Object.values(
      template.findResources('AWS::EC2::VPCEndpoint', {
        Properties: { VpcEndpointType: 'Interface' },
      }),
    );
    expect(
      services
        .map((endpoint) =>
          endpoint.Properties.ServiceName.replace('com.amazonaws.ap-southeast-1.', ''),
        )
        .sort(),
    ).toEqual(
      ['secretsmanager', 'ssm', 'ssmmessages', 'ec2messages', 'logs', 'monitoring', 'kms'].sort(),
    );
    expect(services.every((endpoint) => endpoint.Properties.PrivateDnsEnabled === true)).toBe(true);
    expect(
      services.every((endpoint) =>
        JSON.stringify(endpoint.Properties.SubnetIds).includes('IsolatedSubnet'),
      ),
    ).toBe(true);
    template.resourcePropertiesCountIs('AWS::EC2::VPCEndpoint', { VpcEndpointType: 'Gateway' }, 2);
  });

  test('the endpoints admit only HTTPS from the VPC', () => {
    template.hasResourceProperties('AWS::EC2::SecurityGroup', {
      SecurityGroupIngress: [
        Match.objectLike({ CidrIp: '10.0.0.0/16', FromPort: 443, ToPort: 443, IpProtocol: 'tcp' }),
      ],
      SecurityGroupEgress: [Match.objectLike({ CidrIp: '255.255.255.255/32' })],
    });
    template.resourceCountIs('AWS::EC2::SecurityGroupIngress', 0);
  });

  test('a role with no other permission logs all traffic to a retained group', () => {
    template.hasResourceProperties('AWS::EC2::FlowLog', {
      TrafficType: 'ALL',
      ResourceType: 'VPC',
      LogDestinationType: 'cloud-watch-logs',
    });
    template.hasResource('AWS::Logs::LogGroup', {
      DeletionPolicy: 'RetainExceptOnCreate',
      Properties: { RetentionInDays: 365 },
    });
    template.hasResourceProperties('AWS::IAM::ManagedPolicy', {
      PolicyDocument: {
        Statement: [
          {
            Effect: 'Allow',
            Action: ['logs:CreateLogStream', 'logs:PutLogEvents', 'logs:DescribeLogStreams'].sort(),
            Resource: { 'Fn::GetAtt': [Match.stringLikeRegexp('FlowLogGroup'), 'Arn'] },
          },
        ],
      },
    });
    template.hasResourceProperties('AWS::IAM::Role', {
      AssumeRolePolicyDocument: {
        Statement: [
          Match.objectLike({
            Principal: { Service: 'vpc-flow-logs.amazonaws.com' },
            Condition: { StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } },
          }),
        ],
      },
    });
  });
});

describe('without NAT gateways, with a key and other endpoints', () => {
  const stack = testStack('ap-southeast-1');
  const built = new RegionNetwork(stack, 'Network', {
    availabilityZones: ZONES.slice(0, 2),
    cidr: '10.8.64.0/20',
    natGateways: 0,
    interfaceEndpoints: ['ecr.api'],
    logEncryptionKey: new kms.Key(stack, 'LogKey', { enableKeyRotation: true }),
    removalPolicy: RemovalPolicy.DESTROY,
  });
  const template = Template.fromStack(stack);

  test('there are no private subnets, and the isolated subnets do not move', () => {
    template.resourceCountIs('AWS::EC2::NatGateway', 0);
    expect(blocks(template, 'Private')).toEqual([]);
    expect(blocks(template, 'Isolated')).toEqual(['10.8.70.0/25', '10.8.70.128/25']);
    expect(() => built.vpc.selectSubnets({ subnetGroupName: 'Private' })).toThrow(
      'no subnet groups with name',
    );
  });

  test('only the given endpoints exist', () => {
    expect(Object.keys(built.interfaceEndpoints)).toEqual(['ecr.api']);
    template.resourcePropertiesCountIs(
      'AWS::EC2::VPCEndpoint',
      { VpcEndpointType: 'Interface' },
      1,
    );
  });

  test('CloudWatch Logs of this region may use the key, for log groups of this account', () => {
    template.hasResourceProperties('AWS::Logs::LogGroup', { KmsKeyId: Match.anyValue() });
    template.hasResourceProperties('AWS::KMS::Key', {
      KeyPolicy: {
        Statement: Match.arrayWith([
          Match.objectLike({
            Principal: { Service: 'logs.ap-southeast-1.amazonaws.com' },
            Condition: { ArnLike: { 'kms:EncryptionContext:aws:logs:arn': Match.anyValue() } },
          }),
        ]),
      },
    });
    template.hasResource('AWS::Logs::LogGroup', { DeletionPolicy: 'Delete' });
  });
});

test('a zone added at the end moves no subnet', () => {
  const before = network({ availabilityZones: ZONES.slice(0, 2) }).vpc;
  const after = network().vpc;
  for (const kind of ['publicSubnets', 'privateSubnets', 'isolatedSubnets'] as const) {
    expect(after[kind].slice(0, 2).map((subnet) => subnet.ipv4CidrBlock)).toEqual(
      before[kind].map((subnet) => subnet.ipv4CidrBlock),
    );
  }
});

test('a stack with a concrete account looks nothing up and keeps its own zones', () => {
  const app = new App({ analyticsReporting: false });
  const stack = new Stack(app, 'Test', {
    env: { account: '111111111111', region: 'ap-southeast-1' },
  });
  new RegionNetwork(stack, 'Network', { availabilityZones: ZONES });
  expect(Object.getOwnPropertyDescriptor(stack, 'availabilityZones')).toBeUndefined();
  expect(app.synth().manifest.missing).toBeUndefined();
});

test('without interface endpoints, there is no security group for them', () => {
  const built = network({ interfaceEndpoints: [] });
  expect(built.endpointSecurityGroup).toBeUndefined();
  expect(built.interfaceEndpoints).toEqual({});
});

test('an existing network is imported without a look-up', () => {
  const stack = testStack('ap-southeast-1');
  const imported = RegionNetwork.fromRegionNetworkAttributes(stack, 'Network', {
    vpcId: 'vpc-0123456789abcdef0',
    availabilityZones: ZONES.slice(0, 2),
    isolatedSubnetIds: ['subnet-15014ed0a', 'subnet-15014ed0b'],
    flowLogGroupName: 'flow-logs',
    endpointSecurityGroupId: 'sg-0123456789abcdef0',
  });
  expect(imported.availabilityZones).toEqual(ZONES.slice(0, 2));
  expect(imported.vpc.selectSubnets({ subnetGroupName: 'Isolated' }).subnetIds).toEqual([
    'subnet-15014ed0a',
    'subnet-15014ed0b',
  ]);
  expect(imported.flowLogGroup?.logGroupName).toBe('flow-logs');
  expect(imported.endpointSecurityGroup?.securityGroupId).toBe('sg-0123456789abcdef0');
  const bare = RegionNetwork.fromRegionNetworkAttributes(stack, 'Bare', {
    vpcId: 'vpc-0fedcba9876543210',
    availabilityZones: ZONES.slice(0, 2),
  });
  expect(bare.flowLogGroup ?? bare.endpointSecurityGroup).toBeUndefined();
});

describe('checks', () => {
  const sixZones = ['a', 'b', 'c', 'd', 'e', 'f'].map((letter) => `us-east-1${letter}`);

  test.each<[string, Partial<RegionNetworkProps>, string]>([
    [
      'one zone',
      { availabilityZones: ['us-east-1a'] },
      'availabilityZones must be 2 to 6 zones, got ["us-east-1a"]',
    ],
    [
      'seven zones',
      { availabilityZones: [...sixZones, 'us-east-1g'] },
      'availabilityZones must be 2 to 6 zones',
    ],
    [
      'a zone twice',
      { availabilityZones: ['us-east-1a', 'us-east-1a'] },
      'availabilityZones[1] must be unique, got "us-east-1a"',
    ],
    [
      'a zone of another region',
      { availabilityZones: ['us-east-1a', 'us-east-2a'] },
      'must be zones of us-east-1, got "us-east-2a"',
    ],
    [
      'a local zone',
      { availabilityZones: ['us-east-1a', 'us-east-1-bos-1a'] },
      'must be zones of us-east-1, got "us-east-1-bos-1a"',
    ],
    ['a block too small', { cidr: '10.0.0.0/23' }, 'cidr must be an IPv4 block of /16 to /22'],
    ['a block too large', { cidr: '10.0.0.0/15' }, 'cidr must be'],
    [
      'not the first address',
      { cidr: '10.0.0.1/16' },
      'cidr must be the first address of its block',
    ],
    ['no address', { cidr: '10.0.256.0/16' }, 'cidr must be'],
    [
      'more NAT gateways than zones',
      { natGateways: 7 },
      'natGateways must be 0 to 6, the number of zones, got 7',
    ],
    [
      'a negative number of NAT gateways',
      { natGateways: -1 },
      'natGateways must be 0 to 6, the number of zones, got -1',
    ],
    [
      'a full service name',
      { interfaceEndpoints: ['com.amazonaws.us-east-1.kms'] },
      'interfaceEndpoints[0] must be the short name',
    ],
    [
      'a service twice',
      { interfaceEndpoints: ['kms', 'kms'] },
      'interfaceEndpoints[1] must be unique',
    ],
    [
      'S3',
      { interfaceEndpoints: ['s3'] },
      'interfaceEndpoints[0] must be a service without a gateway endpoint',
    ],
  ])('%s is refused', (_, props, message) => {
    expect(() => network({ availabilityZones: sixZones, ...props }, 'us-east-1')).toThrow(message);
  });

  test.each<[string, Partial<RegionNetworkProps>]>([
    ['two zones', { availabilityZones: ['us-east-1a', 'us-east-1b'] }],
    ['the smallest block', { cidr: '10.0.0.0/22' }],
    ['the largest block', { cidr: '172.16.0.0/16' }],
    ['as many NAT gateways as zones', { natGateways: 6 }],
    ['fewer NAT gateways than zones', { natGateways: 1 }],
  ])('%s passes', (_, props) => {
    expect(() => network({ availabilityZones: sixZones, ...props }, 'us-east-1')).not.toThrow();
  });
});
