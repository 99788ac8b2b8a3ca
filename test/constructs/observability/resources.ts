/** Imported resources to watch, so that a template contains only observability. */
import { Duration, type Stack } from 'aws-cdk-lib';
import * as autoscaling from 'aws-cdk-lib/aws-autoscaling';
import * as cloudfront from 'aws-cdk-lib/aws-cloudfront';
import { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as elbv2 from 'aws-cdk-lib/aws-elasticloadbalancingv2';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as rds from 'aws-cdk-lib/aws-rds';
import type { IWatchedPooler } from '../../../lib/constructs/observability/interfaces';

const LOAD_BALANCER = 'loadbalancer/app/market/50dc6c495c0c9188';

export const importedKey = (stack: Stack, region = stack.region): kms.IKey =>
  kms.Key.fromKeyArn(
    stack,
    'ImportedKey',
    `arn:aws:kms:${region}:111122223333:key/2c60a3b4-6a0c-4a52-8e2c-0f6f6f2b7a10`,
  );

export const distribution = (stack: Stack): cloudfront.IDistribution =>
  cloudfront.Distribution.fromDistributionAttributes(stack, 'Distribution', {
    distributionId: 'EDFDVBD6EXAMPLE',
    domainName: 'd111111abcdef8.cloudfront.net',
  });

export const loadBalancer = (stack: Stack): elbv2.IApplicationLoadBalancer =>
  elbv2.ApplicationLoadBalancer.fromApplicationLoadBalancerAttributes(stack, 'LoadBalancer', {
    loadBalancerArn: `arn:aws:elasticloadbalancing:${stack.region}:111122223333:${LOAD_BALANCER}`,
    securityGroupId: 'sg-0123456789abcdef0',
  });

export const targetGroup = (stack: Stack): elbv2.IApplicationTargetGroup =>
  elbv2.ApplicationTargetGroup.fromTargetGroupAttributes(stack, 'TargetGroup', {
    targetGroupArn: `arn:aws:elasticloadbalancing:${stack.region}:111122223333:targetgroup/market/943f017f100becff`,
    loadBalancerArns: `arn:aws:elasticloadbalancing:${stack.region}:111122223333:${LOAD_BALANCER}`,
  });

export const autoScalingGroup = (stack: Stack): autoscaling.IAutoScalingGroup =>
  autoscaling.AutoScalingGroup.fromAutoScalingGroupName(stack, 'Fleet', 'market-fleet');

export const database = (stack: Stack, instanceIdentifier: string): rds.IDatabaseInstance =>
  rds.DatabaseInstance.fromDatabaseInstanceAttributes(stack, instanceIdentifier, {
    instanceIdentifier,
    instanceEndpointAddress: `${instanceIdentifier}.example.com`,
    port: 5432,
    securityGroups: [
      ec2.SecurityGroup.fromSecurityGroupId(
        stack,
        `${instanceIdentifier}Group`,
        'sg-0123456789abcdef1',
      ),
    ],
  });

const POOLER_BALANCER = 'loadbalancer/net/poolers/50dc6c495c0c9189';

export const pooler = (stack: Stack): IWatchedPooler => ({
  loadBalancer: elbv2.NetworkLoadBalancer.fromNetworkLoadBalancerAttributes(
    stack,
    'PoolerLoadBalancer',
    {
      loadBalancerArn: `arn:aws:elasticloadbalancing:${stack.region}:111122223333:${POOLER_BALANCER}`,
    },
  ),
  targetGroup: elbv2.NetworkTargetGroup.fromTargetGroupAttributes(stack, 'PoolerTargets', {
    targetGroupArn: `arn:aws:elasticloadbalancing:${stack.region}:111122223333:targetgroup/poolers/943f017f100becff`,
    loadBalancerArns: `arn:aws:elasticloadbalancing:${stack.region}:111122223333:${POOLER_BALANCER}`,
  }),
  figures: { queryWaitTimeoutSeconds: 120 },
  metric: (metricName, props) =>
    new Metric({
      namespace: 'Pools',
      metricName,
      statistic: 'Sum',
      period: Duration.minutes(1),
      ...props,
    }),
});
