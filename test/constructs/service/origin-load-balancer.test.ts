import { App, Duration, Lazy, RemovalPolicy, Stack, Tags } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as elbv2 from 'aws-cdk-lib/aws-elasticloadbalancingv2';
import {
  OriginLoadBalancer,
  type OriginLoadBalancerProps,
} from '../../../lib/constructs/service/origin-load-balancer';
import { testStack } from '../../test-stack';
import { CURRENT, currentSecret, PREVIOUS, previousSecret, requiredProps } from './fixture';

function loadBalancerWith(
  props: Partial<OriginLoadBalancerProps> = {},
  stack: Stack = testStack(),
): OriginLoadBalancer {
  const required = requiredProps(stack);
  const loadBalancer = new OriginLoadBalancer(stack, 'Front', { ...required, ...props });
  loadBalancer.forwardTo(
    new elbv2.ApplicationTargetGroup(stack, 'Targets', {
      vpc: required.vpc,
      port: 8080,
      targetType: elbv2.TargetType.IP,
    }),
  );
  return loadBalancer;
}

const attributes = (...expected: [string, string][]) => ({
  LoadBalancerAttributes: Match.arrayWith(expected.map(([Key, Value]) => ({ Key, Value }))),
});

describe('by default', () => {
  const stack = testStack('ap-southeast-1');
  loadBalancerWith({}, stack);
  const template = Template.fromStack(stack);

  test('only CloudFront reaches it, and only by TLS', () => {
    template.resourceCountIs('AWS::EC2::SecurityGroupIngress', 1);
    template.hasResourceProperties('AWS::EC2::SecurityGroupIngress', {
      SourcePrefixListId: 'pl-31a34658',
      IpProtocol: 'tcp',
      FromPort: 443,
      ToPort: 443,
      CidrIp: Match.absent(),
    });
    template.hasResourceProperties('AWS::EC2::SecurityGroup', {
      SecurityGroupIngress: Match.absent(),
    });
    template.resourceCountIs('AWS::ElasticLoadBalancingV2::Listener', 1);
  });

  test('it stands on the internet, in the public subnets', () => {
    template.hasResourceProperties('AWS::ElasticLoadBalancingV2::LoadBalancer', {
      Scheme: 'internet-facing',
      Subnets: ['subnet-9ab11c0a', 'subnet-9ab11c0b'],
    });
  });

  test('without the header, the answer is 403', () => {
    template.hasResourceProperties('AWS::ElasticLoadBalancingV2::Listener', {
      Port: 443,
      Protocol: 'HTTPS',
      SslPolicy: 'ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09',
      DefaultActions: [
        { Type: 'fixed-response', FixedResponseConfig: Match.objectLike({ StatusCode: '403' }) },
      ],
    });
  });

  test('with the header, targets answer; the template holds only a reference to its value', () => {
    template.resourceCountIs('AWS::ElasticLoadBalancingV2::ListenerRule', 1);
    template.hasResourceProperties('AWS::ElasticLoadBalancingV2::ListenerRule', {
      Actions: [Match.objectLike({ Type: 'forward' })],
      Conditions: [
        {
          Field: 'http-header',
          HttpHeaderConfig: { HttpHeaderName: 'X-Origin-Verify', Values: [CURRENT] },
        },
      ],
    });
  });

  test('it is careful with requests, cannot be deleted by accident, and logs', () => {
    template.hasResourceProperties(
      'AWS::ElasticLoadBalancingV2::LoadBalancer',
      attributes(
        ['deletion_protection.enabled', 'true'],
        ['routing.http2.enabled', 'true'],
        ['idle_timeout.timeout_seconds', '60'],
        ['routing.http.drop_invalid_header_fields.enabled', 'true'],
        ['routing.http.desync_mitigation_mode', 'defensive'],
        ['access_logs.s3.enabled', 'true'],
      ),
    );
  });

  test('the logs are private, encrypted, versioned, and expire', () => {
    template.hasResource('AWS::S3::Bucket', {
      DeletionPolicy: 'Retain',
      Properties: {
        BucketEncryption: {
          ServerSideEncryptionConfiguration: [
            { ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } },
          ],
        },
        PublicAccessBlockConfiguration: {
          BlockPublicAcls: true,
          BlockPublicPolicy: true,
          IgnorePublicAcls: true,
          RestrictPublicBuckets: true,
        },
        VersioningConfiguration: { Status: 'Enabled' },
        LifecycleConfiguration: {
          Rules: [Match.objectLike({ Status: 'Enabled', ExpirationInDays: 90 })],
        },
      },
    });
    template.hasResourceProperties('AWS::S3::BucketPolicy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({
            Effect: 'Deny',
            Condition: { Bool: { 'aws:SecureTransport': 'false' } },
          }),
        ]),
      },
    });
  });
});

describe('behind a VPC origin', () => {
  const stack = testStack();
  Tags.of(stack).add('team', 'market');
  const { vpcOrigin } = loadBalancerWith({ access: 'vpc-origin' }, stack);
  const template = Template.fromStack(stack);

  test('it stands in the private subnets, open to CloudFront only, and asks for the same header', () => {
    template.hasResourceProperties('AWS::ElasticLoadBalancingV2::LoadBalancer', {
      Scheme: 'internal',
      Subnets: ['subnet-981fa7ea', 'subnet-981fa7eb'],
    });
    template.resourceCountIs('AWS::EC2::SecurityGroupIngress', 1);
    template.hasResourceProperties('AWS::EC2::SecurityGroupIngress', {
      SourcePrefixListId: 'pl-3b927c52',
      FromPort: 443,
      ToPort: 443,
    });
    template.hasResourceProperties('AWS::ElasticLoadBalancingV2::ListenerRule', {
      Conditions: [
        {
          Field: 'http-header',
          HttpHeaderConfig: { HttpHeaderName: 'X-Origin-Verify', Values: [CURRENT] },
        },
      ],
    });
  });

  test('CloudFront asks it over HTTPS, once it listens', () => {
    const [listener] = Object.keys(template.findResources('AWS::ElasticLoadBalancingV2::Listener'));
    const [loadBalancer] = Object.keys(
      template.findResources('AWS::ElasticLoadBalancingV2::LoadBalancer'),
    );
    template.hasResource('AWS::CloudFront::VpcOrigin', {
      DependsOn: Match.arrayWith([listener]),
      Properties: {
        VpcOriginEndpointConfig: {
          Arn: { Ref: loadBalancer },
          OriginProtocolPolicy: 'https-only',
          OriginSSLProtocols: ['TLSv1.2'],
        },
      },
    });
    expect(stack.resolve(vpcOrigin?.vpcOriginId)).toEqual({
      'Fn::GetAtt': [Object.keys(template.findResources('AWS::CloudFront::VpcOrigin'))[0], 'Id'],
    });
  });

  test('the VPC origin alone has no tags: a change of them would fail', () => {
    template.hasResourceProperties('AWS::ElasticLoadBalancingV2::LoadBalancer', {
      Tags: [{ Key: 'team', Value: 'market' }],
    });
    template.hasResourceProperties('AWS::CloudFront::VpcOrigin', { Tags: Match.absent() });
  });
});

test('without one, there is none', () => {
  expect(loadBalancerWith({ access: 'cloudfront-public' }).vpcOrigin).toBeUndefined();
});

test('every choice arrives, and during a rotation both secrets open', () => {
  const stack = testStack();
  loadBalancerWith(
    {
      originVerification: {
        headerName: 'X-Proof',
        secret: currentSecret(),
        previousSecret: previousSecret(),
      },
      cloudFrontPrefixListId: 'pl-0123456789abcdef0',
      idleTimeout: Duration.minutes(2),
      accessLogRetention: Duration.days(400),
      removalPolicy: RemovalPolicy.DESTROY,
    },
    stack,
  );
  const template = Template.fromStack(stack);
  template.hasResourceProperties('AWS::ElasticLoadBalancingV2::ListenerRule', {
    Conditions: [{ HttpHeaderConfig: { HttpHeaderName: 'X-Proof', Values: [CURRENT, PREVIOUS] } }],
  });
  template.hasResourceProperties('AWS::EC2::SecurityGroupIngress', {
    SourcePrefixListId: 'pl-0123456789abcdef0',
  });
  template.hasResourceProperties(
    'AWS::ElasticLoadBalancingV2::LoadBalancer',
    attributes(['deletion_protection.enabled', 'false'], ['idle_timeout.timeout_seconds', '120']),
  );
  template.hasResource('AWS::S3::Bucket', {
    DeletionPolicy: 'Delete',
    Properties: {
      LifecycleConfiguration: { Rules: [Match.objectLike({ ExpirationInDays: 400 })] },
    },
  });
});

describe('values that AWS would refuse, or that would open a lock', () => {
  const header = (headerName: string) => ({
    originVerification: { headerName, secret: currentSecret() },
  });

  test.each<[string, Partial<OriginLoadBalancerProps>, string, Partial<OriginLoadBalancerProps>]>([
    [
      'a header that is dropped',
      header('X_Origin'),
      'originVerification.headerName must be up to 40 letters',
      header('X-Origin'),
    ],
    [
      'a header of CloudFront',
      header('x-edge-proof'),
      'not beginning with X-Amz- or X-Edge-',
      header('x-edged-proof'),
    ],
    [
      'a long header',
      header('x'.repeat(41)),
      'originVerification.headerName must be',
      header('x'.repeat(40)),
    ],
    ['no header', header(''), 'originVerification.headerName must be', header('x')],
    [
      'a name for an id',
      { cloudFrontPrefixListId: 'com.amazonaws.global.cloudfront.origin-facing' },
      'such as pl-3b927c52',
      { cloudFrontPrefixListId: 'pl-3b927c52' },
    ],
    [
      'no idle timeout',
      { idleTimeout: Duration.seconds(0) },
      'idleTimeout must be 1 to 4000 whole seconds, got "0 s".',
      { idleTimeout: Duration.seconds(1) },
    ],
    [
      'half seconds',
      { idleTimeout: Duration.millis(1500) },
      'got "1.5 s".',
      { idleTimeout: Duration.millis(2000) },
    ],
    [
      'a long idle timeout',
      { idleTimeout: Duration.seconds(4001) },
      'got "4001 s".',
      { idleTimeout: Duration.seconds(4000) },
    ],
  ])('%s', (_, refused, message, allowed) => {
    expect(() => loadBalancerWith(refused)).toThrow(message);
    expect(() => loadBalancerWith(allowed)).not.toThrow();
  });

  test('a region whose prefix list is not known', () => {
    expect(() => loadBalancerWith({}, testStack('ap-southeast-7'))).toThrow(
      'OriginLoadBalancer at Test/Front: cloudFrontPrefixListId must be given in ap-southeast-7, got nothing.\n' +
        'Only CloudFront may reach the load balancer, and the region table has no prefix list of CloudFront for this region; synthesis looks nothing up. ' +
        'Take the id of com.amazonaws.global.cloudfront.origin-facing from `aws ec2 describe-managed-prefix-lists` in that region.',
    );
    expect(() =>
      loadBalancerWith(
        { cloudFrontPrefixListId: 'pl-0123456789abcdef0' },
        testStack('ap-southeast-7'),
      ),
    ).not.toThrow();
  });

  test('a stack without a region', () => {
    expect(() => loadBalancerWith({}, new Stack(new App(), 'Anywhere'))).toThrow(
      'must be given in a stack without a concrete region',
    );
  });

  test('what is known only at deployment passes', () => {
    const headerName = Lazy.string({ produce: () => 'X-Later' });
    const cloudFrontPrefixListId = Lazy.string({ produce: () => 'pl-3b927c52' });
    expect(() => loadBalancerWith({ ...header(headerName), cloudFrontPrefixListId })).not.toThrow();
  });
});
