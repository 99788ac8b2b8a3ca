import { readable } from './readable';
import { difference } from './stack-snapshots';

test('hashes of assets and code are scrubbed, and nothing else', () => {
  const text = readable({
    Resources: {
      FunctionCurrentVersionEA9B025B1bdccc40f8ba40a183af269e5e655f33: {
        Type: 'AWS::Lambda::Version',
      },
      FleetReadApplicationcc6b5c0b048B2A6C: { Type: 'AWS::IAM::Policy' },
      Function: {
        Type: 'AWS::CloudFront::Function',
        Properties: { FunctionCode: 'const a = "b";', Key: `${'a1'.repeat(32)}.zip` },
      },
      Cache18F6EE16: { Type: 'AWS::Thing', Properties: { Port: 6379, Token: 'deadbeef' } },
    },
  });
  expect(text).toBe(`FunctionCurrentVersionEA9B025B[hash]:
  Type: AWS::Lambda::Version

FleetReadApplication[hash]:
  Type: AWS::IAM::Policy

Function:
  Type: AWS::CloudFront::Function
  FunctionCode: "[code]"
  Key: [asset hash].zip

Cache18F6EE16:
  Type: AWS::Thing
  Port: 6379
  Token: deadbeef
`);
});

test('intrinsic functions are one line each, and what is not known stays as it is', () => {
  const text = readable({
    Resources: {
      A: {
        Type: 'T',
        DeletionPolicy: 'Retain',
        Properties: {
          Arn: {
            'Fn::Join': [':', ['arn', { Ref: 'AWS::Partition' }, { 'Fn::GetAtt': ['B', 'Arn'] }]],
          },
          Key: {
            'Fn::GetStackOutput': {
              StackName: 'keys',
              Region: 'eu-west-1',
              OutputName: 'PublishOutputFnGetAttKeyArnABCDEF01',
            },
          },
          If: { 'Fn::If': ['Condition', 1, { Ref: 'C' }] },
          Tags: [{ Key: 'Name', Value: 'path' }],
        },
      },
    },
    Outputs: { PublishOutputRefA: { Value: 1 }, Url: { Value: { Ref: 'A' } } },
  });
  expect(text).toBe(`A:
  Type: T
  Arn: arn:\${AWS::Partition}:\${B.Arn}
  Key: "\${keys: KeyArn}"
  If:
    Fn::If:
      - Condition
      - 1
      - \${C}
  DeletionPolicy: Retain

Outputs:
  Url: \${A}
`);
});

test('a difference has both sides, and no line numbers', () => {
  expect(difference('a\nb\nc\n', 'a\nx\nc\n')).toBe('…\n a\n-b\n+x\n c');
  expect(difference('a\n', 'a\n')).toBe('nothing differs');
});
