import type { Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as elbv2 from 'aws-cdk-lib/aws-elasticloadbalancingv2';
import * as route53 from 'aws-cdk-lib/aws-route53';
import { OriginLoadBalancer } from '../../../lib/constructs/service/origin-load-balancer';
import {
  OriginRecords,
  type OriginRecordsProps,
} from '../../../lib/constructs/service/origin-records';
import { testStack } from '../../test-stack';
import { requiredProps } from './fixture';

function recordsWith(
  props: Partial<OriginRecordsProps> = {},
  stack: Stack = testStack('eu-west-1'),
): OriginRecords {
  const required = requiredProps(stack);
  const front = new OriginLoadBalancer(stack, 'Front', required);
  const targetGroup = new elbv2.ApplicationTargetGroup(stack, 'Targets', {
    vpc: required.vpc,
    port: 8080,
    targetType: elbv2.TargetType.IP,
  });
  front.forwardTo(targetGroup);
  return new OriginRecords(stack, 'Records', {
    zone: route53.HostedZone.fromHostedZoneAttributes(stack, 'Zone', {
      hostedZoneId: 'Z0123456789ABCDEF',
      zoneName: 'example.com',
    }),
    target: { loadBalancer: front.loadBalancer, targetGroup },
    readName: 'read.origin.example.com',
    ...props,
  });
}

describe('a region that serves reads', () => {
  const stack = testStack('eu-west-1');
  const records = recordsWith({}, stack);
  const template = Template.fromStack(stack);

  test('answers for the nearest viewers while its targets are healthy', () => {
    template.hasResourceProperties('AWS::Route53::RecordSet', {
      HostedZoneId: 'Z0123456789ABCDEF',
      Name: 'read.origin.example.com.',
      HealthCheckId: stack.resolve(records.healthCheck.healthCheckId),
      Type: 'A',
      Region: 'eu-west-1',
      SetIdentifier: 'eu-west-1',
      AliasTarget: {
        DNSName: {
          'Fn::Join': [
            '',
            ['dualstack.', { 'Fn::GetAtt': [Match.stringLikeRegexp('^Front'), 'DNSName'] }],
          ],
        },
        EvaluateTargetHealth: true,
      },
    });
    template.resourceCountIs('AWS::Route53::RecordSet', 1);
  });

  test('its health check follows the alarm, not checkers that the load balancer refuses', () => {
    template.hasResourceProperties('AWS::Route53::HealthCheck', {
      HealthCheckConfig: {
        Type: 'CLOUDWATCH_METRIC',
        AlarmIdentifier: { Name: stack.resolve(records.alarm.alarmName), Region: 'eu-west-1' },
        InsufficientDataHealthStatus: 'LastKnownStatus',
      },
    });
  });

  test('the alarm is of a kind that Route 53 can follow', () => {
    template.hasResourceProperties('AWS::CloudWatch::Alarm', {
      Namespace: 'AWS/ApplicationELB',
      MetricName: 'HealthyHostCount',
      Statistic: 'Maximum',
      Period: 60,
      ComparisonOperator: 'LessThanThreshold',
      Threshold: 1,
      EvaluationPeriods: 2,
      DatapointsToAlarm: Match.absent(),
      Metrics: Match.absent(),
      Dimensions: [
        Match.objectLike({ Name: 'LoadBalancer' }),
        Match.objectLike({ Name: 'TargetGroup' }),
      ],
    });
  });
});

test('the primary region also answers the write name, with the same checks', () => {
  const stack = testStack('eu-west-1');
  const { healthCheck } = recordsWith({ writeName: 'write.origin.example.com' }, stack);
  const template = Template.fromStack(stack);
  template.resourceCountIs('AWS::Route53::RecordSet', 2);
  template.hasResourceProperties('AWS::Route53::RecordSet', {
    Name: 'write.origin.example.com.',
    SetIdentifier: 'eu-west-1',
    HealthCheckId: stack.resolve(healthCheck.healthCheckId),
    AliasTarget: { EvaluateTargetHealth: true },
  });
});

describe('names that no record can have', () => {
  test.each([
    ['read.example.org', 'readName must be example.com or a name below it', 'example.com'],
    ['badexample.com', 'readName must be example.com', 'good.example.com'],
  ])('to read from %s is refused: %s', (readName, message, allowed) => {
    expect(() => recordsWith({ readName })).toThrow(message);
    expect(() => recordsWith({ readName: allowed })).not.toThrow();
  });

  test.each([
    ['w.example.com.', 'writeName must be example.com or a name below it'],
    ['o.example.com', 'another name than readName'],
  ])('to write to %s is refused: %s', (writeName, message) => {
    const readName = 'o.example.com';
    expect(() => recordsWith({ readName, writeName })).toThrow(message);
    expect(() => recordsWith({ readName, writeName: 'w.example.com' })).not.toThrow();
  });
});
