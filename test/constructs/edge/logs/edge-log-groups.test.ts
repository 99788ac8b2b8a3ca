import { App, Lazy, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as logs from 'aws-cdk-lib/aws-logs';
import { EdgeLogGroups } from '../../../../lib/constructs/edge/logs/edge-log-groups';
import { testStack } from '../../../test-stack';

const groupsFor = (...functionNames: string[]) =>
  new EdgeLogGroups(new Stack(new App(), 'Test', { env: { region: 'eu-west-1' } }), 'Logs', {
    functionNames,
  });

test('have the names of Lambda@Edge, expire after three months, and outlive the stack', () => {
  const stack = testStack('ap-southeast-1');
  const { logGroups } = new EdgeLogGroups(stack, 'Logs', {
    functionNames: ['market-normalize', 'market-ttl'],
  });
  const template = Template.fromStack(stack);
  expect(logGroups).toHaveLength(2);
  template.resourceCountIs('AWS::Logs::LogGroup', 2);
  for (const name of [
    '/aws/lambda/us-east-1.market-normalize',
    '/aws/lambda/us-east-1.market-ttl',
  ]) {
    template.hasResource('AWS::Logs::LogGroup', {
      Properties: { LogGroupName: name, RetentionInDays: 90 },
      // Not `Retain`: a group with a fixed name must not survive a first deployment that failed.
      DeletionPolicy: 'RetainExceptOnCreate',
    });
  }
});

test('accept a retention, a removal policy and a key for CloudWatch Logs', () => {
  const stack = testStack('eu-west-1');
  new EdgeLogGroups(stack, 'Logs', {
    functionNames: ['market-normalize'],
    retention: logs.RetentionDays.ONE_WEEK,
    logEncryptionKey: new kms.Key(stack, 'Key', { enableKeyRotation: true }),
    removalPolicy: RemovalPolicy.DESTROY,
  });
  const template = Template.fromStack(stack);
  template.hasResource('AWS::Logs::LogGroup', {
    Properties: {
      RetentionInDays: 7,
      KmsKeyId: { 'Fn::GetAtt': [Match.stringLikeRegexp('Key'), 'Arn'] },
    },
    DeletionPolicy: 'Delete',
  });
  template.hasResourceProperties('AWS::KMS::Key', {
    KeyPolicy: Match.objectLike({
      Statement: Match.arrayWith([
        Match.objectLike({ Principal: { Service: 'logs.eu-west-1.amazonaws.com' } }),
      ]),
    }),
  });
});

test.each<[string[], string]>([
  [[], 'EdgeLogGroups at Test/Logs: functionNames must be at least one name, got []'],
  [['us-east-1.market-normalize'], 'functionNames[0] must be 1 to 64 letters'],
  [
    ['arn:aws:lambda:us-east-1:123456789012:function:market-normalize'],
    'Lambda@Edge derives the log group from the name',
  ],
  [['a'.repeat(65)], 'functionNames[0]'],
  [
    ['market', 'market'],
    'functionNames[1] must be 1 to 64 letters, digits, `-` and `_`, named once, got "market"',
  ],
])('refuse %j', (names, says) => {
  expect(() => groupsFor(...names)).toThrow(says);
});

test.each<[string[]]>([
  [['a'.repeat(64), 'market_2']],
  [[Lazy.string({ produce: () => 'later' })]],
])('accept %j', (names) => {
  expect(() => groupsFor(...names)).not.toThrow();
});
