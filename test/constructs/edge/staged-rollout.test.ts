import { App, Duration, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import * as cloudfront from 'aws-cdk-lib/aws-cloudfront';
import * as origins from 'aws-cdk-lib/aws-cloudfront-origins';
import { EdgeDistribution } from '../../../lib/constructs/edge/distribution/edge-distribution';
import {
  StagedRollout,
  type StagedRolloutProps,
} from '../../../lib/constructs/edge/staged-rollout';
import { CacheTier } from '../../../lib/constructs/edge/tiers/cache-tier';
import { testStack } from '../../test-stack';
import { certificateIn } from './certificate';

const STICKINESS = { idle: Duration.minutes(5), maximum: Duration.hours(1) };

function distributionIn(stack: Stack, httpVersion = cloudfront.HttpVersion.HTTP2) {
  return new cloudfront.Distribution(stack, 'Primary', {
    defaultBehavior: { origin: new origins.HttpOrigin('origin.example.com') },
    httpVersion,
  });
}

function rollout(props: Partial<StagedRolloutProps>, httpVersion?: cloudfront.HttpVersion) {
  const stack = new Stack(new App(), 'Test', { env: { region: 'us-east-1' } });
  const distribution = distributionIn(stack, httpVersion);
  return new StagedRollout(stack, 'Rollout', {
    distribution,
    traffic: { weight: 0.05 },
    phase: 'attach',
    ...props,
  });
}

/** The template of a phase of one rollout. Its EdgeDistribution is checked by the rule packs. */
function templateOf(phase: StagedRolloutProps['phase'] | 'before') {
  const stack = testStack();
  const edge = new EdgeDistribution(stack, 'Edge', {
    domainNames: ['www.example.com'],
    certificate: certificateIn(stack),
    readOriginName: 'origin.example.com',
    defaultTier: CacheTier.of({
      name: 'pages',
      minTtl: Duration.seconds(0),
      defaultTtl: Duration.hours(1),
    }),
  });
  const primary = edge.distribution.node.defaultChild as cloudfront.CfnDistribution;
  if (phase === 'attach') {
    const config =
      primary.distributionConfig as cloudfront.CfnDistribution.DistributionConfigProperty;
    primary.distributionConfig = { ...config, httpVersion: 'http2' };
  }
  if (phase !== 'before') {
    const made = new StagedRollout(stack, 'Rollout', {
      distribution: edge.distribution,
      traffic: { weight: 0.05, stickiness: STICKINESS },
      phase,
    });
    made.staging.addPropertyOverride('DistributionConfig.DefaultCacheBehavior.Compress', false);
  }
  edge.distribution.addBehavior('/late/*', new origins.HttpOrigin('late.example.com'), {
    viewerProtocolPolicy: cloudfront.ViewerProtocolPolicy.HTTPS_ONLY,
  });
  const template = Template.fromStack(stack);
  const distributions = Object.entries(template.findResources('AWS::CloudFront::Distribution'));
  const find = (staging: boolean) =>
    distributions.find(
      ([, { Properties }]) => (Properties.DistributionConfig.Staging === true) === staging,
    );
  return {
    primary: find(false)?.[1].Properties.DistributionConfig,
    staging: find(true)?.[1].Properties.DistributionConfig,
    stagingId: find(true)?.[0],
    policies: Object.entries(template.findResources('AWS::CloudFront::ContinuousDeploymentPolicy')),
  };
}

describe('the phases of a rollout', () => {
  const before = templateOf('before');
  const prepare = templateOf('prepare');
  const attach = templateOf('attach');

  test('prepare leaves the primary unchanged, byte for byte', () => {
    expect(before.policies).toEqual([]);
    expect(prepare.primary).toEqual(before.primary);
  });

  test('staging is the primary without names, HTTP/3 and policy, but with the change', () => {
    const { Aliases, HttpVersion, ...config } = before.primary;
    expect(Aliases).toEqual(['www.example.com']);
    expect(HttpVersion).toBe('http2and3');
    expect(config.CacheBehaviors).toHaveLength(1);
    const expected = {
      ...config,
      HttpVersion: 'http2',
      Staging: true,
      DefaultCacheBehavior: { ...config.DefaultCacheBehavior, Compress: false },
    };
    expect(prepare.staging).toEqual(expected);
    expect(attach.staging).toEqual(expected);
  });

  test('the policy sends a share to it, and keeps a viewer on one distribution', () => {
    const config = {
      Enabled: true,
      StagingDistributionDnsNames: [{ 'Fn::GetAtt': [prepare.stagingId, 'DomainName'] }],
      TrafficConfig: {
        Type: 'SingleWeight',
        SingleWeightConfig: {
          Weight: 0.05,
          SessionStickinessConfig: { IdleTTL: 300, MaximumTTL: 3600 },
        },
      },
    };
    expect(
      prepare.policies.map(([, { Properties }]) => Properties.ContinuousDeploymentPolicyConfig),
    ).toEqual([config]);
    expect(attach.policies).toEqual(prepare.policies);
  });

  test('attach gives the primary the policy, and changes nothing else except HTTP/3', () => {
    expect(attach.primary).toEqual({
      ...before.primary,
      HttpVersion: 'http2',
      ContinuousDeploymentPolicyId: { 'Fn::GetAtt': [attach.policies[0]?.[0], 'Id'] },
    });
  });
});

test('sends requests with a header to the staging distribution', () => {
  const { policy } = rollout({ traffic: { header: 'aws-cf-cd-try', value: 'yes' } });
  Template.fromStack(Stack.of(policy)).hasResourceProperties(
    'AWS::CloudFront::ContinuousDeploymentPolicy',
    {
      ContinuousDeploymentPolicyConfig: {
        TrafficConfig: {
          Type: 'SingleHeader',
          SingleHeaderConfig: { Header: 'aws-cf-cd-try', Value: 'yes' },
        },
      },
    },
  );
});

const sticky = (idle: number, maximum: number) => ({
  weight: 0.1,
  stickiness: { idle: Duration.seconds(idle), maximum: Duration.seconds(maximum) },
});

test.each<[string, StagedRolloutProps['traffic']]>([
  [
    'traffic.weight must be above 0, and at most 0.15, got 0.16.\nCloudFront sends no larger share',
    { weight: 0.16 },
  ],
  ['traffic.weight must be above 0, and at most 0.15, got 0.', { weight: 0 }],
  ['traffic.weight must be', { weight: Number.NaN }],
  [
    'traffic.header must be a name that begins with `aws-cf-cd-`, got "x-try".',
    { header: 'x-try', value: '1' },
  ],
  ['traffic.header must be', { header: 'aws-cf-cd-', value: '1' }],
  ['traffic.stickiness.idle must be 300 to 3600 seconds, got 299.', sticky(299, 300)],
  ['traffic.stickiness.maximum must be 300 to 3600 seconds, got 3601.', sticky(300, 3601)],
  ['traffic.stickiness.idle must be at most `maximum`, 300 seconds, got 301.', sticky(301, 300)],
])('refuses: %s', (message, traffic) => {
  expect(() => rollout({ traffic })).toThrow(`StagedRollout at Test/Rollout: ${message}`);
});

test.each<[StagedRolloutProps['traffic']]>([
  [{ weight: 0.15 }],
  [{ weight: 0.001 }],
  [{ header: 'AWS-CF-CD-a', value: '1' }],
  [sticky(300, 300)],
  [sticky(3600, 3600)],
])('accepts %j', (traffic) => {
  expect(() => rollout({ traffic })).not.toThrow();
});

test('refuses HTTP/3 only in the phase that attaches the policy', () => {
  expect(() => rollout({ phase: 'attach' }, cloudfront.HttpVersion.HTTP2_AND_3)).toThrow(
    'StagedRollout at Test/Rollout: httpVersion of the distribution must be `http2` or ' +
      '`http1.1` in the phase `attach`, got "http2and3".\n' +
      'CloudFront takes no continuous deployment policy on a distribution with HTTP/3. Turn ' +
      'HTTP/3 off in an earlier deployment',
  );
  expect(() => rollout({ phase: 'attach' }, cloudfront.HttpVersion.HTTP3)).toThrow('got "http3"');
  expect(() => rollout({ phase: 'prepare' }, cloudfront.HttpVersion.HTTP2_AND_3)).not.toThrow();
  expect(() => rollout({ phase: 'attach' }, cloudfront.HttpVersion.HTTP2)).not.toThrow();
});

test('refuses a distribution of another stack', () => {
  const distribution = distributionIn(new Stack(new App(), 'Other'));
  expect(() => rollout({ distribution })).toThrow(
    'StagedRollout at Test/Rollout: distribution must be in the stack of the rollout, Test, ' +
      'got "Other/Primary".',
  );
});
