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

  test('only CloudFront reaches it, and only over TLS', () => {
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

  test('it is internet-facing, in the public subnets', () => {
    template.hasResourceProperties('AWS::ElasticLoadBalancingV2::LoadBalancer', {
      Scheme: 'internet-facing',
      Subnets: ['subnet-9ab11c0a', 'subnet-9ab11c0b'],
    });
  });

  test('a request without the header gets 403', () => {
    template.hasResourceProperties('AWS::ElasticLoadBalancingV2::Listener', {
      Port: 443,
      Protocol: 'HTTPS',
      SslPolicy: 'ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09',
      DefaultActions: [
        { Type: 'fixed-response', FixedResponseConfig: Match.objectLike({ StatusCode: '403' }) },
      ],
    });
  });

  test('a request with the header reaches the targets, and the template only references its value', () => {
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

  test('it drops invalid headers, refuses deletion and writes access logs', () => {
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

  test('it is in the private subnets, admits CloudFront only and requires the same header', () => {
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

  test('CloudFront connects over HTTPS, once the listener exists', () => {
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

  test('the VPC origin alone has no tags, because changing them would fail', () => {
    template.hasResourceProperties('AWS::ElasticLoadBalancingV2::LoadBalancer', {
      Tags: [{ Key: 'team', Value: 'market' }],
    });
    template.hasResourceProperties('AWS::CloudFront::VpcOrigin', { Tags: Match.absent() });
  });
});

test('its metrics are those of the load balancer and its targets', () => {
  const front = loadBalancerWith();
  expect([
    front.metricRequestCount().metricName,
    front.metricTargetResponseTime({ statistic: 'p95' }).metricName,
    front.metricTarget5xx().metricName,
    front.metricLoadBalancer5xx().metricName,
  ]).toEqual([
    'RequestCount',
    'TargetResponseTime',
    'HTTPCode_Target_5XX_Count',
    'HTTPCode_ELB_5XX_Count',
  ]);
});

test('a public load balancer has no VPC origin', () => {
  expect(loadBalancerWith({ access: 'cloudfront-public' }).vpcOrigin).toBeUndefined();
});

test('every prop takes effect, and during a rotation both secrets are accepted', () => {
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

describe('values that AWS would refuse or that would weaken the protection', () => {
  const header = (headerName: string) => ({
    originVerification: { headerName, secret: currentSecret() },
  });

  test.each([
    ['X_Origin', 'X-Origin', 'originVerification.headerName must be up to 40 letters'],
    ['x-edge-proof', 'x-edged-proof', 'without the prefix X-Amz- or X-Edge-'],
    ['x'.repeat(41), 'x'.repeat(40), 'originVerification.headerName must be'],
    ['', 'x', 'originVerification.headerName must be'],
  ])('a header named %j, where %j passes', (refused, allowed, message) => {
    expect(() => loadBalancerWith(header(refused))).toThrow(message);
    expect(() => loadBalancerWith(header(allowed))).not.toThrow();
  });

  test.each([
    [0, 1000, 'idleTimeout must be 1 to 4000 whole seconds, got 0.'],
    [1500, 2000, 'got 1.5.'],
    [4_001_000, 4_000_000, 'got 4001.'],
  ])('an idle timeout of %d ms, where %d ms passes', (refused, allowed, message) => {
    const idleFor = (milliseconds: number) =>
      loadBalancerWith({ idleTimeout: Duration.millis(milliseconds) });
    expect(() => idleFor(refused)).toThrow(message);
    expect(() => idleFor(allowed)).not.toThrow();
  });

  test('the name of a prefix list', () => {
    const cloudFrontPrefixListId = 'com.amazonaws.global.cloudfront.origin-facing';
    expect(() => loadBalancerWith({ cloudFrontPrefixListId })).toThrow('such as pl-3b927c52');
    expect(() => loadBalancerWith({ cloudFrontPrefixListId: 'pl-3b927c52' })).not.toThrow();
  });

  test('a region without a known prefix list', () => {
    expect(() => loadBalancerWith({}, testStack('ap-southeast-7'))).toThrow(
      'OriginLoadBalancer at Test/Front: cloudFrontPrefixListId must be given in ' +
        'ap-southeast-7, got nothing.\n' +
        'Only CloudFront may reach the load balancer, the region table has no prefix list ' +
        'of CloudFront for this region, and synthesis looks nothing up. ' +
        'Take the id of com.amazonaws.global.cloudfront.origin-facing from `aws ec2 ' +
        'describe-managed-prefix-lists` in that region.',
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

  test('values known only at deployment pass', () => {
    const headerName = Lazy.string({ produce: () => 'X-Later' });
    const cloudFrontPrefixListId = Lazy.string({ produce: () => 'pl-3b927c52' });
    expect(() => loadBalancerWith({ ...header(headerName), cloudFrontPrefixListId })).not.toThrow();
  });
});
