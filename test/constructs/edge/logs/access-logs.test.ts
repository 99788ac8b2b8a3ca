import { App, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as cloudfront from 'aws-cdk-lib/aws-cloudfront';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as s3 from 'aws-cdk-lib/aws-s3';
import {
  ACCESS_LOG_FIELDS,
  EdgeAccessLogs,
  type EdgeAccessLogsOptions,
} from '../../../../lib/constructs/edge/logs/access-logs';
import { testStack } from '../../../test-stack';

function logsIn(stack: Stack, options: EdgeAccessLogsOptions = {}): EdgeAccessLogs {
  const distribution = cloudfront.Distribution.fromDistributionAttributes(stack, 'Distribution', {
    distributionId: 'E123',
    domainName: 'd123.cloudfront.net',
  });
  return new EdgeAccessLogs(stack, 'Logs', { distribution, ...options });
}

describe('with its defaults', () => {
  const stack = testStack();
  logsIn(stack);
  const template = Template.fromStack(stack);
  const [policy] = Object.keys(template.findResources('AWS::S3::BucketPolicy'));
  const [source] = Object.values(template.findResources('AWS::Logs::DeliverySource'));

  test('delivers Parquet in hourly folders, after the bucket allows it', () => {
    expect(source?.Properties).toMatchObject({
      LogType: 'ACCESS_LOGS',
      ResourceArn: {
        'Fn::Join': ['', ['arn:aws:cloudfront::', { Ref: 'AWS::AccountId' }, ':distribution/E123']],
      },
    });
    template.hasResource('AWS::Logs::DeliveryDestination', {
      Properties: {
        OutputFormat: 'parquet',
        DestinationResourceArn: { 'Fn::GetAtt': [Match.stringLikeRegexp('Bucket'), 'Arn'] },
      },
      DependsOn: Match.arrayWith([policy]),
    });
    template.hasResourceProperties('AWS::Logs::Delivery', {
      DeliverySourceName: { Ref: Match.stringLikeRegexp('Source') },
      DeliveryDestinationArn: { 'Fn::GetAtt': [Match.stringLikeRegexp('Destination'), 'Arn'] },
      S3SuffixPath: '{DistributionId}/{yyyy}/{MM}/{dd}/{HH}',
      S3EnableHiveCompatiblePath: false,
      RecordFields: ACCESS_LOG_FIELDS,
    });
  });

  test('records the fields for hit rates, and no cookies', () => {
    expect(ACCESS_LOG_FIELDS).toEqual(
      expect.arrayContaining([
        'cs-uri-stem',
        'cs-uri-query',
        'x-edge-result-type',
        'cache-behavior-path-pattern',
        'c-country',
      ]),
    );
    expect(ACCESS_LOG_FIELDS).not.toContain('cs(Cookie)');
  });

  test('only this delivery may write, over TLS and without ACLs', () => {
    template.hasResourceProperties('AWS::S3::BucketPolicy', {
      PolicyDocument: Match.objectLike({
        Statement: Match.arrayWith([
          Match.objectLike({
            Effect: 'Deny',
            Condition: { Bool: { 'aws:SecureTransport': 'false' } },
          }),
          Match.objectLike({
            Effect: 'Allow',
            Action: 's3:PutObject',
            Principal: { Service: 'delivery.logs.amazonaws.com' },
            Condition: {
              StringEquals: {
                's3:x-amz-acl': 'bucket-owner-full-control',
                'aws:SourceAccount': { Ref: 'AWS::AccountId' },
              },
              ArnLike: {
                'aws:SourceArn': {
                  'Fn::Join': [
                    '',
                    [
                      'arn:aws:logs:us-east-1:',
                      { Ref: 'AWS::AccountId' },
                      `:delivery-source:${source?.Properties.Name}`,
                    ],
                  ],
                },
              },
            },
          }),
        ]),
      }),
    });
    template.hasResourceProperties('AWS::S3::Bucket', {
      OwnershipControls: { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] },
      PublicAccessBlockConfiguration: Match.objectLike({
        BlockPublicAcls: true,
        RestrictPublicBuckets: true,
      }),
    });
  });

  test('keeps the logs for 400 days, and outlives the stack', () => {
    template.hasResource('AWS::S3::Bucket', {
      Properties: {
        LifecycleConfiguration: {
          Rules: [
            Match.objectLike({
              ExpirationInDays: 400,
              Transitions: [{ StorageClass: 'STANDARD_IA', TransitionInDays: 90 }],
            }),
          ],
        },
        VersioningConfiguration: { Status: 'Enabled' },
      },
      DeletionPolicy: 'Retain',
    });
  });
});

describe('with props', () => {
  const stack = new Stack(new App(), 'Test', { env: { region: 'us-east-1' } });
  logsIn(stack, {
    retention: Duration.days(119),
    encryptionKey: new kms.Key(stack, 'Key'),
    serverAccessLogsBucket: new s3.Bucket(stack, 'Audit'),
    removalPolicy: RemovalPolicy.DESTROY,
  });
  const template = Template.fromStack(stack);

  test('lets the delivery use the key, for this source only', () => {
    template.hasResourceProperties('AWS::KMS::Key', {
      KeyPolicy: Match.objectLike({
        Statement: Match.arrayWith([
          Match.objectLike({
            Principal: { Service: 'delivery.logs.amazonaws.com' },
            Action: [
              'kms:Encrypt',
              'kms:Decrypt',
              'kms:ReEncrypt*',
              'kms:GenerateDataKey*',
              'kms:DescribeKey',
            ],
            Condition: Match.objectLike({ ArnLike: { 'aws:SourceArn': Match.anyValue() } }),
          }),
        ]),
      }),
    });
  });

  test('does not move logs that expire soon, logs the access, and leaves with the stack', () => {
    template.hasResource('AWS::S3::Bucket', {
      Properties: {
        LifecycleConfiguration: {
          Rules: [Match.objectLike({ ExpirationInDays: 119, Transitions: Match.absent() })],
        },
        LoggingConfiguration: {
          DestinationBucketName: { Ref: Match.stringLikeRegexp('Audit') },
          LogFilePrefix: 'Logs/',
        },
        BucketEncryption: Match.objectLike({
          ServerSideEncryptionConfiguration: [Match.objectLike({ BucketKeyEnabled: true })],
        }),
      },
      DeletionPolicy: 'Delete',
    });
  });
});

test('refuses a retention of less than a day', () => {
  const build = (retention: Duration) => () => logsIn(new Stack(new App(), 'Test'), { retention });
  expect(build(Duration.hours(23))).toThrow(
    'EdgeAccessLogs at Test/Logs: retention must be at least one day, got "Duration.hours(23)".',
  );
  expect(build(Duration.days(1))).not.toThrow();
});

test('is refused outside us-east-1', () => {
  expect(() => logsIn(new Stack(new App(), 'Test', { env: { region: 'eu-west-1' } }))).toThrow(
    'must be us-east-1, got "eu-west-1"',
  );
});
