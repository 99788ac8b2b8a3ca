import { App, Duration, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as cloudfront from 'aws-cdk-lib/aws-cloudfront';
import { HttpOrigin } from 'aws-cdk-lib/aws-cloudfront-origins';
import {
  EdgeObservability,
  type EdgeObservabilityProps,
} from '../../../lib/constructs/observability/edge-observability';
import { testStack } from '../../test-stack';
import { distribution, importedKey } from './resources';

const edge = (stack: Stack, props: Partial<EdgeObservabilityProps> = {}) =>
  new EdgeObservability(stack, 'Edge', {
    name: 'market',
    encryptionKey: importedKey(stack),
    distribution: distribution(stack),
    ...props,
  });

const expression = (text: string) => Match.arrayWith([Match.objectLike({ Expression: text })]);

describe('EdgeObservability', () => {
  const stack = testStack();
  const observability = edge(stack, { webAclMetricName: 'market-edge' });
  const template = Template.fromStack(stack);

  test('enables the additional metrics for hit rate and origin latency', () => {
    template.hasResourceProperties('AWS::CloudFront::MonitoringSubscription', {
      DistributionId: 'EDFDVBD6EXAMPLE',
      MonitoringSubscription: {
        RealtimeMetricsSubscriptionConfig: { RealtimeMetricsSubscriptionStatus: 'Enabled' },
      },
    });
  });

  test.each([
    ['ErrorRate-Critical', 0.5, 2, 'GreaterThanThreshold', 'IF(requests > 100, errors)'],
    ['HitRate-Warning', 90, 6, 'LessThanThreshold', 'IF(requests > 100, hits)'],
    ['OriginP95Latency-Warning', 200, 3, 'GreaterThanThreshold', 'IF(requests > 100, latency)'],
  ])(
    '%s rings at %d for %d periods, %s, only with enough requests',
    (name, threshold, periods, comparison, gate) => {
      template.hasResourceProperties('AWS::CloudWatch::Alarm', {
        AlarmName: `market-Edge-${name}`,
        Threshold: threshold,
        EvaluationPeriods: periods,
        ComparisonOperator: comparison,
        TreatMissingData: 'notBreaching',
        Metrics: expression(gate),
        AlarmActions: [Match.anyValue()],
        AlarmDescription: Match.stringLikeRegexp('First look'),
      });
      expect(observability.alarms).toHaveLength(3);
    },
  );

  test('uses both dimensions of the metrics, without which there is no data', () => {
    template.hasResourceProperties('AWS::CloudWatch::Alarm', {
      AlarmName: 'market-Edge-HitRate-Warning',
      Metrics: Match.arrayWith([
        Match.objectLike({
          MetricStat: Match.objectLike({
            Metric: {
              Namespace: 'AWS/CloudFront',
              MetricName: 'CacheHitRate',
              Dimensions: [
                { Name: 'DistributionId', Value: 'EDFDVBD6EXAMPLE' },
                { Name: 'Region', Value: 'Global' },
              ],
            },
          }),
        }),
      ]),
    });
  });

  test('draws the web ACL on the same dashboard', () => {
    const [dashboard, ...others] = Object.values(
      template.findResources('AWS::CloudWatch::Dashboard'),
    );
    expect(others).toHaveLength(0);
    expect(dashboard?.Properties.DashboardName).toBe('market-edge');
    expect(JSON.stringify(dashboard?.Properties.DashboardBody)).toMatch(
      /BlockedRequests.*market-edge/,
    );
  });
});

test('custom objectives change the thresholds and the minimum of requests', () => {
  const stack = testStack();
  edge(stack, {
    objectives: {
      errorRatePercent: 0.1,
      cacheHitRatePercent: 95,
      originP95Latency: Duration.millis(80),
    },
    minimumRequests: 9,
  });
  const alarms = Object.values(
    Template.fromStack(stack).findResources('AWS::CloudWatch::Alarm', {
      Properties: { Metrics: expression('IF(requests > 9, hits)') },
    }),
  );
  expect(alarms.map(({ Properties }) => Properties.Threshold)).toEqual([95]);
  const all = Object.values(Template.fromStack(stack).findResources('AWS::CloudWatch::Alarm'));
  expect(all.map(({ Properties }) => Properties.Threshold).sort()).toEqual([0.1, 80, 95]);
});

test('without additional metrics, only errors have an alarm, and there is no subscription', () => {
  const stack = testStack();
  expect(edge(stack, { additionalMetrics: false }).alarms).toHaveLength(1);
  Template.fromStack(stack).resourceCountIs('AWS::CloudFront::MonitoringSubscription', 0);
});

describe('a distribution with a subscription of its own', () => {
  const subscriptions = (publishAdditionalMetrics: boolean) => {
    const stack = new Stack(new App(), 'Test', { env: { region: 'us-east-1' } });
    const own = new cloudfront.Distribution(stack, 'Own', {
      publishAdditionalMetrics,
      defaultBehavior: { origin: new HttpOrigin('api.example.com') },
    });
    edge(stack, { distribution: own });
    return stack.node
      .findAll()
      .filter((node) => node instanceof cloudfront.CfnMonitoringSubscription)
      .map(({ node }) => node.path);
  };

  test('gets no second subscription', () => {
    expect(subscriptions(true)).toEqual(['Test/Own/MonitoringSubscription']);
    expect(subscriptions(false)).toEqual(['Test/Edge/AdditionalMetrics']);
  });
});

describe('the region', () => {
  const inRegion = (region?: string) => () =>
    edge(new Stack(new App(), 'Test', { env: { region } }));

  test('must be us-east-1, where the metrics are', () => {
    expect(inRegion('eu-west-1')).toThrow(
      'EdgeObservability at Test/Edge: the region of its stack must be us-east-1, got "eu-west-1".',
    );
    expect(inRegion('us-east-1')).not.toThrow();
  });

  test('passes while it is unknown', () => {
    expect(inRegion()).not.toThrow();
  });
});

test('a minimum of 0 requests is refused', () => {
  const stack = new Stack(new App(), 'Test', { env: { region: 'us-east-1' } });
  expect(() => edge(stack, { minimumRequests: 0 })).toThrow(
    'minimumRequests must be a whole number of at least 1, got 0.',
  );
});
