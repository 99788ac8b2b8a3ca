import { RemovalPolicy, Stack, Token } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { RegionKey } from '../../../lib/constructs/keys/region-key';
import { testStack } from '../../test-stack';

describe('RegionKey', () => {
  const stack = testStack('ap-southeast-1');
  const regionKey = new RegionKey(stack, 'RegionKey', { aliasName: 'market/production' });
  const template = Template.fromStack(stack);
  const ofThisAccount = { StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } };

  test('rotates, and outlives its stack', () => {
    template.hasResource('AWS::KMS::Key', {
      Properties: { EnableKeyRotation: true },
      DeletionPolicy: 'Retain',
      UpdateReplacePolicy: 'Retain',
    });
  });

  test('has an alias that is retained with the key, but not after a failed creation', () => {
    template.hasResource('AWS::KMS::Alias', {
      Properties: { AliasName: 'alias/market/production' },
      DeletionPolicy: 'RetainExceptOnCreate',
    });
    expect(regionKey.aliasName).toBe('alias/market/production');
  });

  test('allows only the account, its log groups in the region and its alarms to use it', () => {
    template.hasResourceProperties('AWS::KMS::Key', {
      KeyPolicy: {
        Statement: [
          Match.objectLike({ Action: 'kms:*', Principal: { AWS: Match.anyValue() } }),
          Match.objectLike({
            Principal: { Service: 'logs.ap-southeast-1.amazonaws.com' },
            Condition: {
              ArnLike: {
                'kms:EncryptionContext:aws:logs:arn': {
                  'Fn::Join': [
                    '',
                    ['arn:aws:logs:ap-southeast-1:', { Ref: 'AWS::AccountId' }, ':log-group:*'],
                  ],
                },
              },
            },
          }),
          Match.objectLike({
            Principal: { Service: 'cloudwatch.amazonaws.com' },
            Action: ['kms:Decrypt', 'kms:GenerateDataKey*'],
            Condition: ofThisAccount,
          }),
        ],
      },
    });
  });
});

test('a removal policy can remove key and alias', () => {
  const stack = testStack();
  new RegionKey(stack, 'RegionKey', { aliasName: 'sandbox', removalPolicy: RemovalPolicy.DESTROY });
  const template = Template.fromStack(stack);
  template.hasResource('AWS::KMS::Key', { DeletionPolicy: 'Delete' });
  template.allResources('AWS::KMS::Alias', { DeletionPolicy: 'Delete' });
});

describe('the alias name', () => {
  const make = (aliasName: string) => new RegionKey(new Stack(), 'RegionKey', { aliasName });

  test.each(['', 'aws/market', 'alias/market', 'market:production', 'märkte', 'a'.repeat(251)])(
    'refuses %j',
    (aliasName) => {
      expect(() => make(aliasName)).toThrow(
        /RegionKey at .*RegionKey: aliasName must be 1 to 250 letters.*, got ".*\nKMS reserves/,
      );
    },
  );

  test.each([
    'a',
    'market/aws/key',
    'awsome',
    'aliases',
    'Market_1-b',
    'a'.repeat(250),
    Token.asString({ Ref: 'Name' }),
  ])('accepts %j', (aliasName) => {
    expect(() => make(aliasName)).not.toThrow();
  });
});
