import { App, Lazy, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as logs from 'aws-cdk-lib/aws-logs';
import { EdgeWebAcl, type EdgeWebAclProps } from '../../../lib/constructs/edge/web-acl';
import { testStack } from '../../test-stack';

const build = (props: EdgeWebAclProps) => () =>
  new EdgeWebAcl(new Stack(new App(), 'Test', { env: { region: 'us-east-1' } }), 'WebAcl', props);

describe('with its defaults', () => {
  const stack = testStack();
  new EdgeWebAcl(stack, 'WebAcl');
  const template = Template.fromStack(stack);

  test('limits each address to 100 requests per minute, then applies rule groups', () => {
    template.hasResourceProperties('AWS::WAFv2::WebACL', {
      Scope: 'CLOUDFRONT',
      DefaultAction: { Allow: {} },
      Rules: [
        Match.objectLike({
          Name: 'RateLimit',
          Priority: 0,
          Action: {
            Block: {
              CustomResponse: {
                ResponseCode: 429,
                ResponseHeaders: [{ Name: 'Retry-After', Value: '60' }],
              },
            },
          },
          Statement: {
            RateBasedStatement: { Limit: 100, EvaluationWindowSec: 60, AggregateKeyType: 'IP' },
          },
        }),
        ...['AmazonIpReputationList', 'CommonRuleSet', 'KnownBadInputsRuleSet', 'SQLiRuleSet'].map(
          (name, i) =>
            Match.objectLike({
              Name: `AWSManagedRules${name}`,
              Priority: i + 1,
              OverrideAction: { None: {} },
              Statement: {
                ManagedRuleGroupStatement: { VendorName: 'AWS', Name: `AWSManagedRules${name}` },
              },
            }),
        ),
      ],
    });
  });

  test('keeps a log of stopped and counted requests for a year, without credentials', () => {
    template.hasResourceProperties('AWS::WAFv2::LoggingConfiguration', {
      ResourceArn: { 'Fn::GetAtt': [Match.stringLikeRegexp('WebAcl'), 'Arn'] },
      RedactedFields: [
        { SingleHeader: { Name: 'authorization' } },
        { SingleHeader: { Name: 'cookie' } },
      ],
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

  test('has the limit, the groups in their order, and rules that only count', () => {
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
        Match.objectLike({
          Priority: 2,
          Statement: { ManagedRuleGroupStatement: { VendorName: 'Someone', Name: 'Bots' } },
        }),
      ],
    });
  });

  test('encrypts the log with a key for log groups of this account only', () => {
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
                  'Fn::Join': [
                    '',
                    ['arn:aws:logs:us-east-1:', { Ref: 'AWS::AccountId' }, ':log-group:*'],
                  ],
                },
              },
            },
          }),
        ]),
      }),
    });
  });
});

describe('with rate limits for some paths', () => {
  const stack = testStack();
  new EdgeWebAcl(stack, 'WebAcl', {
    pathRateLimits: [
      { pathPrefix: '/auth/', requestsPerMinute: 20 },
      { pathPrefix: '/assets/', requestsPerMinute: 1000 },
    ],
  });
  const [webAcl] = Object.values(Template.fromStack(stack).findResources('AWS::WAFv2::WebACL'));
  const rules = webAcl?.Properties.Rules as {
    Name: string;
    Priority: number;
    Statement: { RateBasedStatement?: { Limit: number; ScopeDownStatement: unknown } };
  }[];
  const begins = (prefix: string) => ({
    ByteMatchStatement: expect.objectContaining({
      SearchString: prefix,
      PositionalConstraint: 'STARTS_WITH',
    }),
  });

  test('each path has a rule, before the general one', () => {
    expect(
      rules.slice(0, 3).map(({ Name, Statement }) => [Name, Statement.RateBasedStatement?.Limit]),
    ).toEqual([
      ['RateLimitPath1', 20],
      ['RateLimitPath2', 1000],
      ['RateLimit', 100],
    ]);
    expect(rules.map(({ Priority }) => Priority)).toEqual(rules.map((_, i) => i));
    expect(rules[0]?.Statement.RateBasedStatement?.ScopeDownStatement).toEqual(begins('/auth/'));
  });

  test('requests to these paths do not count towards the general limit', () => {
    expect(rules[2]?.Statement.RateBasedStatement?.ScopeDownStatement).toEqual({
      NotStatement: {
        Statement: { OrStatement: { Statements: [begins('/auth/'), begins('/assets/')] } },
      },
    });
  });

  test('another spelling of a path has the same limit', () => {
    expect(JSON.stringify(rules[0])).toContain(
      '"TextTransformations":[{"Priority":0,"Type":"URL_DECODE"},' +
        '{"Priority":1,"Type":"NORMALIZE_PATH"}]',
    );
  });

  test.each<[string, EdgeWebAclProps['pathRateLimits']]>([
    ['a wildcard', [{ pathPrefix: '/auth/*', requestsPerMinute: 20 }]],
    ['no slash', [{ pathPrefix: 'auth/', requestsPerMinute: 20 }]],
    ['every path', [{ pathPrefix: '/', requestsPerMinute: 20 }]],
    [
      'a prefix twice',
      [
        { pathPrefix: '/a', requestsPerMinute: 20 },
        { pathPrefix: '/a', requestsPerMinute: 30 },
      ],
    ],
  ])('refuses %s', (_, pathRateLimits) => {
    expect(build({ pathRateLimits })).toThrow(
      /pathRateLimits\[\d\]\.pathPrefix must be (the beginning of a path|named once)/,
    );
  });

  test('refuses a limit for a path that AWS WAF would refuse', () => {
    expect(build({ pathRateLimits: [{ pathPrefix: '/a', requestsPerMinute: 9 }] })).toThrow(
      /pathRateLimits\[0\]\.requestsPerMinute must be a whole number from 10/,
    );
  });
});

test.each([9, 2_000_000_001, 10.5])('refuses a limit of %p per minute', (requestsPerMinute) => {
  expect(build({ requestsPerMinute })).toThrow(
    'EdgeWebAcl at Test/WebAcl: requestsPerMinute must be a whole number from 10 to ' +
      `2000000000, got ${requestsPerMinute}.`,
  );
});
test.each([10, 2_000_000_000, Lazy.number({ produce: () => 1 })])(
  'accepts a limit of %p per minute',
  (requestsPerMinute) => {
    expect(build({ requestsPerMinute })).not.toThrow();
  },
);

test('refuses a group that is named twice', () => {
  expect(build({ managedRuleGroups: [{ name: 'A' }, { name: 'A' }] })).toThrow(
    'managedRuleGroups must be a list that names each group once, got "A"',
  );
});

test('is refused outside us-east-1, and accepted in a stack without a region', () => {
  expect(
    () => new EdgeWebAcl(new Stack(new App(), 'Test', { env: { region: 'eu-west-1' } }), 'WebAcl'),
  ).toThrow('env.region of the stack must be us-east-1, got "eu-west-1"');
  expect(() => new EdgeWebAcl(new Stack(new App(), 'Test'), 'WebAcl')).not.toThrow();
});
