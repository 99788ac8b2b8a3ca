import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { App, Duration, RemovalPolicy, Size, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as cloudfront from 'aws-cdk-lib/aws-cloudfront';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as s3 from 'aws-cdk-lib/aws-s3';
import * as s3deploy from 'aws-cdk-lib/aws-s3-deployment';
import { filesIn } from '../../../../lib/constructs/edge/static-content/site-files';
import {
  StaticContent,
  type StaticContentProps,
} from '../../../../lib/constructs/edge/static-content/static-content';
import { acknowledge } from '../../../../lib/constructs/house-rules/acknowledge';
import { testStack } from '../../../test-stack';

const bare = () => new Stack(new App(), 'Test', { env: { region: 'us-east-1' } });
const contentIn = (props: StaticContentProps) => new StaticContent(bare(), 'Content', props);

function distributionOf(stack: Stack, content: StaticContent): cloudfront.Distribution {
  return new cloudfront.Distribution(stack, 'Distribution', {
    defaultBehavior: {
      origin: content.origin,
      viewerProtocolPolicy: cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
    },
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

  test('only the distribution that uses the origin may read it, over TLS', () => {
    template.hasResourceProperties('AWS::S3::BucketPolicy', {
      PolicyDocument: Match.objectLike({
        Statement: [
          Match.objectLike({
            Effect: 'Deny',
            Condition: { Bool: { 'aws:SecureTransport': 'false' } },
          }),
          Match.objectLike({
            Effect: 'Deny',
            Condition: { NumericLessThan: { 's3:TlsVersion': 1.2 } },
          }),
          Match.objectLike({
            Effect: 'Allow',
            Action: 's3:GetObject',
            Principal: { Service: 'cloudfront.amazonaws.com' },
            Condition: {
              StringEquals: {
                'AWS:SourceArn': { 'Fn::Join': ['', Match.arrayWith([{ Ref: distributionId }])] },
              },
            },
          }),
        ],
      }),
    });
    template.hasResourceProperties('AWS::CloudFront::OriginAccessControl', {
      OriginAccessControlConfig: Match.objectLike({
        SigningBehavior: 'always',
        SigningProtocol: 'sigv4',
      }),
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

  test('is a private bucket that keeps old versions for a month and outlives the stack', () => {
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

  test('without a source, creates no function that writes to the bucket', () => {
    template.resourceCountIs('AWS::Lambda::Function', 0);
  });
});

test('with props, has Origin Shield, logs the access, and leaves with the stack', () => {
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
      Origins: [
        Match.objectLike({ OriginShield: { Enabled: true, OriginShieldRegion: 'eu-west-1' } }),
      ],
    }),
  });
  template.hasResource('AWS::S3::Bucket', {
    Properties: Match.objectLike({
      LoggingConfiguration: {
        DestinationBucketName: { Ref: Match.stringLikeRegexp('Audit') },
        LogFilePrefix: 'Content/',
      },
    }),
    DeletionPolicy: 'Delete',
  });
});

/** The `Cache-Control` of each command with which the AWS CLI would upload a file. */
function cacheControlsOf(file: string, commands: readonly string[]): string[] {
  return commands.flatMap((command) => {
    const filters = [...command.matchAll(/--(include|exclude) '([^']*)'/g)];
    const sent = filters.reduce(
      (yes, [, filter, pattern]) => (matches(file, String(pattern)) ? filter === 'include' : yes),
      true,
    );
    return sent ? [/--cache-control '([^']*)'/.exec(command)?.[1] ?? ''] : [];
  });
}

/** Matches as Python's fnmatch, which the AWS CLI uses, for patterns of only `*` and `[…]`. */
function matches(file: string, pattern: string): boolean {
  return new RegExp(`^${pattern.replace(/[.*]/g, (c) => (c === '*' ? '.*' : `\\${c}`))}$`).test(
    file,
  );
}

describe('the upload by commands', () => {
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
  ])('uploads %s once, with %j', (file, cacheControl) => {
    expect(cacheControlsOf(file, commands)).toEqual([cacheControl]);
  });

  test.each([
    ['assets/index-BkT3x9_a.js', YEAR],
    ['assets/report-20240131.pdf', YEAR],
    ['app.3f2a91bc.js', 'public, max-age=60, s-maxage=7200'],
    ['assets/embedded.html', 'no-cache'],
  ])('with custom patterns and TTLs, uploads %s once, with %j', (file, cacheControl) => {
    const own = contentIn({
      hashedFiles: ['assets/*'],
      browserTtl: Duration.minutes(1),
      edgeTtl: Duration.hours(2),
    });
    expect(cacheControlsOf(file, own.uploadCommands('dist'))).toEqual([cacheControl]);
  });

  test('uploads hashed files before pages, and deletes nothing', () => {
    expect(commands.map((command) => /--cache-control '([^']*)'/.exec(command)?.[1])).toEqual([
      YEAR,
      OTHER,
      'no-cache',
    ]);
    expect(commands.join('\n')).not.toContain('--delete');
  });

  test('uploads to the bucket, from a folder of any name', () => {
    const stack = bare();
    const [first] = new StaticContent(stack, 'Content').uploadCommands("the owner's site");
    expect(stack.resolve(first)).toEqual({
      'Fn::Join': [
        '',
        [
          "aws s3 sync 'the owner'\\''s site' s3://",
          { Ref: expect.stringMatching('ContentBucket') },
          expect.anything(),
        ],
      ],
    });
  });
});

/** A folder with these files. The content of a file is its name unless `contents` has another. */
function siteWith(files: readonly string[], contents: Record<string, string> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), 'isochrone-built-'));
  for (const file of files) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), contents[file] ?? file);
  }
  return folder;
}

describe('the upload by the stack', () => {
  const SITE = [
    'index.html',
    'fr/about.3f2a91bc.html',
    'static/app.3f2a91bc.js',
    'app.js',
    '.well-known/security.txt',
    'report-20240131.pdf',
  ];

  interface Upload {
    readonly id: string;
    readonly resource: {
      readonly Properties: Record<string, unknown>;
      readonly DependsOn: readonly string[];
    };
    /** The name of the archive. */
    readonly archive: string;
    readonly cacheControl: string;
  }

  function uploadsOf(template: Template): Upload[] {
    return Object.entries(template.findResources('Custom::CDKBucketDeployment')).map(
      ([id, resource]) => ({
        id,
        resource: resource as Upload['resource'],
        archive: resource.Properties.SourceObjectKeys[0],
        cacheControl: resource.Properties.SystemMetadata['cache-control'],
      }),
    );
  }

  function synthesized(source: string, id = 'Content') {
    const stack = bare();
    new StaticContent(stack, id, { source });
    const template = Template.fromStack(stack);
    return { template, uploads: uploadsOf(template), outdir: (stack.node.root as App).outdir };
  }

  test('comes before the distribution changes, so that its files are there', () => {
    const stack = bare();
    distributionOf(stack, new StaticContent(stack, 'Content', { source: siteWith(SITE) }));
    const template = Template.fromStack(stack);
    const last = uploadsOf(template).find(({ cacheControl }) => cacheControl === 'no-cache');
    const [distribution] = Object.values(template.findResources('AWS::CloudFront::Distribution'));
    expect(distribution?.DependsOn).toContain(last?.id);
  });

  describe('of two sites, under every rule pack', () => {
    const stack = testStack();
    const key = new kms.Key(stack, 'Key', { enableKeyRotation: true });
    new StaticContent(stack, 'Content', { source: siteWith(SITE), logEncryptionKey: key });
    new StaticContent(stack, 'Help', { source: siteWith(['index.html']), logEncryptionKey: key });
    const template = Template.fromStack(stack);
    const uploads = uploadsOf(template);
    const policies = Object.values(template.findResources('AWS::IAM::ManagedPolicy'));
    const statements = policies.flatMap(({ Properties }) => Properties.PolicyDocument.Statement);

    test('uses one function with one layer, and keeps and encrypts its log', () => {
      template.resourceCountIs('AWS::Lambda::Function', 1);
      template.resourceCountIs('AWS::Lambda::LayerVersion', 1);
      template.hasResource('AWS::Logs::LogGroup', {
        Properties: Match.objectLike({
          RetentionInDays: 90,
          KmsKeyId: { 'Fn::GetAtt': [Match.stringLikeRegexp('Key'), 'Arn'] },
        }),
        DeletionPolicy: 'RetainExceptOnCreate',
      });
      template.hasResourceProperties('AWS::Lambda::Function', {
        LoggingConfig: { LogGroup: { Ref: Match.stringLikeRegexp('StaticContentUploadLogGroup') } },
      });
    });

    test('may list and write the buckets, but neither delete nor read objects', () => {
      template.resourceCountIs('AWS::IAM::Policy', 0);
      expect([...new Set(statements.flatMap(({ Action }) => Action))].sort()).toEqual([
        'logs:CreateLogStream',
        'logs:PutLogEvents',
        's3:AbortMultipartUpload',
        's3:GetObject',
        's3:ListBucket',
        's3:PutObject',
      ]);
    });

    test('uploads hashed files, others and pages, in this order, and deletes nothing', () => {
      const own = uploads.filter(({ id }) => id.startsWith('Content'));
      expect(own.map(({ cacheControl }) => cacheControl)).toEqual([
        'public, max-age=31536000, immutable',
        'public, max-age=300, s-maxage=3600',
        'no-cache',
      ]);
      const [hashed, others, pages] = own;
      expect(hashed?.resource.DependsOn).toEqual([expect.stringMatching('^ContentUploadPolicy')]);
      expect(others?.resource.DependsOn).toContain(hashed?.id);
      expect(pages?.resource.DependsOn).toContain(others?.id);
      for (const { resource } of uploads)
        expect(resource.Properties).toMatchObject({ Prune: false, RetainOnDelete: true });
    });

    test('leaves out a kind without files', () => {
      expect(
        uploads.filter(({ id }) => id.startsWith('Help')).map(({ cacheControl }) => cacheControl),
      ).toEqual(['no-cache']);
    });
  });

  test('puts each file into one archive, with the `Cache-Control` of the commands', () => {
    const { uploads, outdir } = synthesized(siteWith(SITE));
    const sent = uploads.flatMap(({ archive, cacheControl }) =>
      filesIn(join(outdir, `asset.${archive.replace('.zip', '')}`)).map((file) => [
        file,
        cacheControl,
      ]),
    );
    const commands = contentIn({}).uploadCommands('dist');
    expect(sent.sort()).toEqual(
      SITE.map((file) => [file, ...cacheControlsOf(file, commands)]).sort(),
    );
  });

  test('is the same, byte for byte, in whichever folder the site was built', () => {
    const [one, other] = [siteWith(SITE), siteWith(SITE)].map((source) => {
      const { outdir } = synthesized(source);
      const named = readdirSync(outdir).sort();
      return named.map((name) => [
        name,
        name.endsWith('.json') ? readFileSync(join(outdir, name), 'utf8') : '',
      ]);
    });
    expect(one).toEqual(other);
    expect(one?.map(([name]) => name)).toEqual(
      expect.arrayContaining(['Test.template.json', 'Test.assets.json', 'manifest.json']),
    );
  });

  test('uploads only the pages if only a page changed, with the same policy', () => {
    const before = synthesized(siteWith(SITE));
    const after = synthesized(siteWith(SITE, { 'index.html': 'new' }));
    const archives = ({ uploads }: typeof before) => uploads.map(({ archive }) => archive);
    expect(archives(after).slice(0, 2)).toEqual(archives(before).slice(0, 2));
    expect(archives(after)[2]).not.toBe(archives(before)[2]);
    const policyOf = ({ template }: typeof before) =>
      Object.keys(template.findResources('AWS::IAM::ManagedPolicy')).filter((id) =>
        id.startsWith('ContentUploadPolicy'),
      );
    expect(policyOf(before)).toHaveLength(1);
    expect(policyOf(after)).toEqual(policyOf(before));
  });

  test('refuses another key for the same log', () => {
    const stack = bare();
    const source = siteWith(['index.html']);
    new StaticContent(stack, 'Content', { source });
    expect(
      () =>
        new StaticContent(stack, 'Help', { source, logEncryptionKey: new kms.Key(stack, 'Key') }),
    ).toThrow(
      'StaticContent at Test/Help: logEncryptionKey must be that of ' +
        'the stack\'s other static content, left out, got "Test/Key".',
    );
  });

  test.each([
    [Size.gibibytes(2), false],
    [Size.mebibytes(2049), true],
  ])(
    'beside another deployment with a disk of %s, is refused: %j',
    (ephemeralStorageSize, isRefused) => {
      const stack = bare();
      new s3deploy.BucketDeployment(stack, 'Theirs', {
        sources: [s3deploy.Source.data('robots.txt', '')],
        destinationBucket: new s3.Bucket(stack, 'TheirBucket'),
        ephemeralStorageSize,
      });
      const assertion = expect(
        () => new StaticContent(stack, 'Content', { source: siteWith(['index.html']) }),
      );
      (isRefused ? assertion : assertion.not).toThrow(
        'Give the other deployment another `ephemeralStorageSize`.',
      );
    },
  );
});

test.each<[StaticContentProps, string]>([
  [{ originShieldRegion: 'eu-west-3' }, 'Use "eu-west-2", the nearest to eu-west-3.'],
  [{ originShieldRegion: 'mars-1' }, 'Use the one nearest to the origin.'],
  [
    { browserTtl: Duration.millis(1500) },
    'StaticContent at Test/Content: browserTtl must be a number of whole seconds',
  ],
  [{ edgeTtl: Duration.millis(1) }, 'edgeTtl must be a number of whole seconds'],
  [
    { hashedFiles: [] },
    'hashedFiles must be at least one pattern, none of them empty or `*`, got []',
  ],
  [{ hashedFiles: ['assets/*', '*'] }, 'got ["assets/*","*"]'],
  [{ hashedFiles: [''] }, 'got [""]'],
  [
    { source: join(__dirname, 'missing') },
    'StaticContent at Test/Content: source must be a folder that exists, got',
  ],
  [{ source: __filename }, 'source must be a folder that exists'],
  [{ source: siteWith([]) }, 'source must be a folder with files in it'],
])('refuses %j', (props, says) => {
  expect(() => contentIn(props)).toThrow(says);
});

test.each<StaticContentProps>([
  { originShieldRegion: 'eu-west-2' },
  { browserTtl: Duration.millis(2000), edgeTtl: Duration.seconds(0) },
  { hashedFiles: ['_next/static/*'] },
  { source: siteWith(['favicon.ico']) },
])('accepts %j', (props) => {
  expect(() => contentIn(props)).not.toThrow();
});
