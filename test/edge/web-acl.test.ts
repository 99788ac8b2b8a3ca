import { App, Lazy, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as logs from 'aws-cdk-lib/aws-logs';
import { EdgeWebAcl, type EdgeWebAclProps } from '../../lib/edge/web-acl';
import { testStack } from '../test-stack';

const build = (props: EdgeWebAclProps) => () =>
  new EdgeWebAcl(new Stack(new App(), 'Test', { env: { region: 'us-east-1' } }), 'WebAcl', props);

describe('with its defaults', () => {
  const stack = testStack();
  new EdgeWebAcl(stack, 'WebAcl');
  const template = Template.fromStack(stack);

  test('limits each address to 100 requests per minute, then asks the managed rule groups', () => {
    template.hasResourceProperties('AWS::WAFv2::WebACL', {
      Scope: 'CLOUDFRONT',
      DefaultAction: { Allow: {} },
      Rules: [
        Match.objectLike({
          Name: 'RateLimit',
          Priority: 0,
          Action: { Block: { CustomResponse: { ResponseCode: 429, ResponseHeaders: [{ Name: 'Retry-After', Value: '60' }] } } },
          Statement: { RateBasedStatement: { Limit: 100, EvaluationWindowSec: 60, AggregateKeyType: 'IP' } },
        }),
        ...['AmazonIpReputationList', 'CommonRuleSet', 'KnownBadInputsRuleSet', 'SQLiRuleSet'].map((name, i) =>
          Match.objectLike({
            Name: `AWSManagedRules${name}`,
            Priority: i + 1,
            OverrideAction: { None: {} },
            Statement: { ManagedRuleGroupStatement: { VendorName: 'AWS', Name: `AWSManagedRules${name}` } },
          }),
        ),
      ],
    });
  });

  test('logs what was stopped or counted for a year, without credentials', () => {
    template.hasResourceProperties('AWS::WAFv2::LoggingConfiguration', {
      ResourceArn: { 'Fn::GetAtt': [Match.stringLikeRegexp('WebAcl'), 'Arn'] },
      RedactedFields: [{ SingleHeader: { Name: 'authorization' } }, { SingleHeader: { Name: 'cookie' } }],
      LoggingFilter: Match.objectLike({ DefaultBehavior: 'DROP' }),
    });
    template.hasResource('AWS::Logs::LogGroup', {
      Properties: { LogGroupName: Match.stringLikeRegexp('^aws-waf-logs-'), RetentionInDays: 365 },
      DeletionPolicy: 'RetainExceptOnCreate',
    });
  });
});

describe('with props', () => {
  const stack = testStack();
  new EdgeWebAcl(stack, 'WebAcl', {
    requestsPerMinute: 2000,
    managedRuleGroups: [
      { name: 'AWSManagedRulesCommonRuleSet', countOnly: ['SizeRestrictions_BODY'] },
      { name: 'Bots', vendorName: 'Someone' },
    ],
    logRetention: logs.RetentionDays.ONE_MONTH,
    logEncryptionKey: new kms.Key(stack, 'Key', { enableKeyRotation: true }),
    removalPolicy: RemovalPolicy.DESTROY,
  });
  const template = Template.fromStack(stack);

  test('takes the limit, the groups in their order, and rules that only count', () => {
    template.hasResourceProperties('AWS::WAFv2::WebACL', {
      Rules: [
        Match.objectLike({ Statement: { RateBasedStatement: Match.objectLike({ Limit: 2000 }) } }),
        Match.objectLike({
          Priority: 1,
          Statement: {
            ManagedRuleGroupStatement: Match.objectLike({
              RuleActionOverrides: [{ Name: 'SizeRestrictions_BODY', ActionToUse: { Count: {} } }],
            }),
          },
        }),
        Match.objectLike({ Priority: 2, Statement: { ManagedRuleGroupStatement: { VendorName: 'Someone', Name: 'Bots' } } }),
      ],
    });
  });

  test('encrypts the log, and lets CloudWatch Logs use the key for log groups of this account only', () => {
    template.hasResource('AWS::Logs::LogGroup', {
      Properties: { RetentionInDays: 30, KmsKeyId: Match.anyValue() },
      DeletionPolicy: 'Delete',
    });
    template.hasResourceProperties('AWS::KMS::Key', {
      KeyPolicy: Match.objectLike({
        Statement: Match.arrayWith([
          Match.objectLike({
            Principal: { Service: 'logs.us-east-1.amazonaws.com' },
            Condition: {
              ArnLike: {
                'kms:EncryptionContext:aws:logs:arn': {
                  'Fn::Join': ['', ['arn:aws:logs:us-east-1:', { Ref: 'AWS::AccountId' }, ':log-group:*']],
                },
              },
            },
          }),
        ]),
      }),
    });
  });
});

test.each([9, 2_000_000_001, 10.5])('refuses a limit of %p per minute', (requestsPerMinute) => {
  expect(build({ requestsPerMinute })).toThrow(
    `EdgeWebAcl at Test/WebAcl: requestsPerMinute must be a whole number from 10 to 2000000000, got ${requestsPerMinute}.`,
  );
});
test.each([10, 2_000_000_000, Lazy.number({ produce: () => 1 })])('takes a limit of %p per minute', (requestsPerMinute) => {
  expect(build({ requestsPerMinute })).not.toThrow();
});

test('refuses a group that is named twice', () => {
  expect(build({ managedRuleGroups: [{ name: 'A' }, { name: 'A' }] })).toThrow(
    'managedRuleGroups must be a list that names each group once, got "A"',
  );
});

test('is refused outside us-east-1, and taken where the region is not known yet', () => {
  expect(() => new EdgeWebAcl(new Stack(new App(), 'Test', { env: { region: 'eu-west-1' } }), 'WebAcl')).toThrow(
    'env.region of the stack must be us-east-1, got "eu-west-1"',
  );
  expect(() => new EdgeWebAcl(new Stack(new App(), 'Test'), 'WebAcl')).not.toThrow();
});
