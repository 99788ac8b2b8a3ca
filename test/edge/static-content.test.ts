import { App, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as cloudfront from 'aws-cdk-lib/aws-cloudfront';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { acknowledge } from '../../lib/acknowledge';
import { StaticContent, type StaticContentProps } from '../../lib/edge/static-content';
import { testStack } from '../test-stack';

const bare = () => new Stack(new App(), 'Test', { env: { region: 'us-east-1' } });
const contentIn = (props: StaticContentProps) => new StaticContent(bare(), 'Content', props);

function distributionOf(stack: Stack, content: StaticContent): cloudfront.Distribution {
  return new cloudfront.Distribution(stack, 'Distribution', {
    defaultBehavior: { origin: content.origin, viewerProtocolPolicy: cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS },
  });
}

describe('with its defaults', () => {
  const stack = testStack();
  const distribution = distributionOf(stack, new StaticContent(stack, 'Content'));
  acknowledge(
    distribution,
    'The distribution of this test is there to use the origin, and for nothing else.',
    ...['CFR1', 'CFR2', 'CFR3', 'CFR4'].map((rule) => `AwsSolutions-${rule}`),
    'PCI.DSS.321-CloudFrontDistributionWAF',
  );
  const template = Template.fromStack(stack);
  const [distributionId] = Object.keys(template.findResources('AWS::CloudFront::Distribution'));

  test('only the distribution that uses the origin may read, and over TLS', () => {
    template.hasResourceProperties('AWS::S3::BucketPolicy', {
      PolicyDocument: Match.objectLike({
        Statement: [
          Match.objectLike({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }),
          Match.objectLike({ Effect: 'Deny', Condition: { NumericLessThan: { 's3:TlsVersion': 1.2 } } }),
          Match.objectLike({
            Effect: 'Allow',
            Action: 's3:GetObject',
            Principal: { Service: 'cloudfront.amazonaws.com' },
            Condition: { StringEquals: { 'AWS:SourceArn': { 'Fn::Join': ['', Match.arrayWith([{ Ref: distributionId }])] } } },
          }),
        ],
      }),
    });
    template.hasResourceProperties('AWS::CloudFront::OriginAccessControl', {
      OriginAccessControlConfig: Match.objectLike({ SigningBehavior: 'always', SigningProtocol: 'sigv4' }),
    });
    template.hasResourceProperties('AWS::CloudFront::Distribution', {
      DistributionConfig: Match.objectLike({
        Origins: [
          Match.objectLike({
            OriginAccessControlId: { 'Fn::GetAtt': [Match.anyValue(), 'Id'] },
            OriginShield: Match.absent(),
          }),
        ],
      }),
    });
  });

  test('is a private bucket that keeps overwritten versions for a month and itself beyond the stack', () => {
    template.hasResource('AWS::S3::Bucket', {
      Properties: {
        PublicAccessBlockConfiguration: {
          BlockPublicAcls: true,
          BlockPublicPolicy: true,
          IgnorePublicAcls: true,
          RestrictPublicBuckets: true,
        },
        OwnershipControls: { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] },
        VersioningConfiguration: { Status: 'Enabled' },
        LifecycleConfiguration: {
          Rules: [
            {
              NoncurrentVersionExpiration: { NoncurrentDays: 30 },
              AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 },
              Status: 'Enabled',
              ExpirationInDays: Match.absent(),
            },
          ],
        },
      },
      DeletionPolicy: 'Retain',
    });
  });

  test('brings no function that writes to the bucket', () => {
    template.resourceCountIs('AWS::Lambda::Function', 0);
  });
});

test('with props, has Origin Shield, logs the access, and goes with the stack', () => {
  const stack = bare();
  distributionOf(
    stack,
    new StaticContent(stack, 'Content', {
      originShieldRegion: 'eu-west-1',
      serverAccessLogsBucket: new s3.Bucket(stack, 'Audit'),
      removalPolicy: RemovalPolicy.DESTROY,
    }),
  );
  const template = Template.fromStack(stack);
  template.hasResourceProperties('AWS::CloudFront::Distribution', {
    DistributionConfig: Match.objectLike({
      Origins: [Match.objectLike({ OriginShield: { Enabled: true, OriginShieldRegion: 'eu-west-1' } })],
    }),
  });
  template.hasResource('AWS::S3::Bucket', {
    Properties: Match.objectLike({
      LoggingConfiguration: { DestinationBucketName: { Ref: Match.stringLikeRegexp('Audit') }, LogFilePrefix: 'Content/' },
    }),
    DeletionPolicy: 'Delete',
  });
});

describe('the upload', () => {
  /** What the AWS CLI would do with a file: the `Cache-Control` of each command that sends it. */
  function cacheControlsOf(file: string, commands: readonly string[]): string[] {
    return commands.flatMap((command) => {
      const filters = [...command.matchAll(/--(include|exclude) '([^']*)'/g)];
      const sent = filters.reduce((yes, [, filter, pattern]) => (matches(file, String(pattern)) ? filter === 'include' : yes), true);
      return sent ? [/--cache-control '([^']*)'/.exec(command)?.[1] ?? ''] : [];
    });
  }

  /** As Python's fnmatch, which the AWS CLI uses: `*` and `[…]`; the patterns here have nothing else. */
  function matches(file: string, pattern: string): boolean {
    return new RegExp(`^${pattern.replace(/[.*]/g, (c) => (c === '*' ? '.*' : `\\${c}`))}$`).test(file);
  }

  const YEAR = 'public, max-age=31536000, immutable';
  const OTHER = 'public, max-age=300, s-maxage=3600';
  const commands = contentIn({}).uploadCommands('dist');

  test.each([
    ['app.3f2a91bc.js', YEAR],
    ['static/css/main-3f2a91bc.css.map', YEAR],
    ['chunks/0123456789abcdef.js', YEAR],
    ['cafe0123456789abcdef.js', OTHER],
    ['chunks/page-0123456789abcdef.js', YEAR],
    ['main.0123456789abcdef0123.js', YEAR],
    ['logo.d41d8cd98f00b204e9800998ecf8427e.png', YEAR],
    ['logo.3f2a91b.png', OTHER],
    ['logo.3f2a91bcd.png', OTHER],
    ['report-20240131.pdf', OTHER],
    ['favicon.ico', OTHER],
    ['.well-known/security.txt', OTHER],
    ['index.html', 'no-cache'],
    ['fr/about.3f2a91bc.html', 'no-cache'],
    ['old.htm', 'no-cache'],
  ])('sends %s once, to be kept as %j', (file, cacheControl) => {
    expect(cacheControlsOf(file, commands)).toEqual([cacheControl]);
  });

  test.each([
    ['assets/index-BkT3x9_a.js', YEAR],
    ['assets/report-20240131.pdf', YEAR],
    ['app.3f2a91bc.js', 'public, max-age=60, s-maxage=7200'],
    ['assets/embedded.html', 'no-cache'],
  ])('by patterns and TTLs of your own, sends %s once, to be kept as %j', (file, cacheControl) => {
    const own = contentIn({ hashedFiles: ['assets/*'], browserTtl: Duration.minutes(1), edgeTtl: Duration.hours(2) });
    expect(cacheControlsOf(file, own.uploadCommands('dist'))).toEqual([cacheControl]);
  });

  test('sends hashed files before pages, and deletes nothing', () => {
    expect(commands.map((command) => /--cache-control '([^']*)'/.exec(command)?.[1])).toEqual([YEAR, OTHER, 'no-cache']);
    expect(commands.join('\n')).not.toContain('--delete');
  });

  test('goes to the bucket, from a folder of any name', () => {
    const stack = bare();
    const [first] = new StaticContent(stack, 'Content').uploadCommands("the owner's site");
    expect(stack.resolve(first)).toEqual({
      'Fn::Join': ['', ["aws s3 sync 'the owner'\\''s site' s3://", { Ref: expect.stringMatching('ContentBucket') }, expect.anything()]],
    });
  });
});

test.each<[StaticContentProps, string]>([
  [{ originShieldRegion: 'eu-west-3' }, 'Use eu-west-2, the nearest to eu-west-3.'],
  [{ originShieldRegion: 'mars-1' }, 'Use the one nearest to the bucket.'],
  [{ browserTtl: Duration.millis(1500) }, 'StaticContent at Test/Content: browserTtl must be a number of whole seconds'],
  [{ edgeTtl: Duration.millis(1) }, 'edgeTtl must be a number of whole seconds'],
  [{ hashedFiles: [] }, 'hashedFiles must be at least one pattern, none of them empty or `*`, got []'],
  [{ hashedFiles: ['assets/*', '*'] }, 'got ["assets/*","*"]'],
  [{ hashedFiles: [''] }, 'got [""]'],
])('refuses %j', (props, says) => {
  expect(() => contentIn(props)).toThrow(says);
});

test.each<StaticContentProps>([
  { originShieldRegion: 'eu-west-2' },
  { browserTtl: Duration.millis(2000), edgeTtl: Duration.seconds(0) },
  { hashedFiles: ['_next/static/*'] },
])('takes %j', (props) => {
  expect(() => contentIn(props)).not.toThrow();
});
