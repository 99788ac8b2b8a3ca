import { App, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { EdgeFunction } from '../../../../lib/constructs/edge/functions/edge-function';
import { testStack } from '../../../test-stack';

const functionIn = (stack: Stack, settings: object = {}) =>
  new EdgeFunction(stack, 'Edge', {
    handler: 'normalize-cache-key',
    description: 'Test',
    settings,
    functionName: 'market-normalize',
  });

describe('an edge function', () => {
  const stack = testStack();
  const edge = functionIn(stack);
  const template = Template.fromStack(stack);
  const versions = Object.values(template.findResources('AWS::Lambda::Version'));

  test('has a configuration that Lambda@Edge can run', () => {
    template.hasResourceProperties('AWS::Lambda::Function', {
      FunctionName: 'market-normalize',
      Architectures: ['x86_64'],
      MemorySize: 128,
      Timeout: 5,
      Environment: Match.absent(),
      VpcConfig: Match.absent(),
      LoggingConfig: Match.absent(),
      TracingConfig: Match.absent(),
    });
  });

  test('outlives the stack, like its version, because replicas at the edge need both', () => {
    template.hasResource('AWS::Lambda::Function', { DeletionPolicy: 'Retain' });
    expect(versions).toEqual([
      expect.objectContaining({ DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' }),
    ]);
  });

  test('may run at the edge, and may write its logs in every region before it is used', () => {
    template.hasResourceProperties('AWS::IAM::Role', {
      AssumeRolePolicyDocument: Match.objectLike({
        Statement: [
          Match.objectLike({
            Principal: { Service: ['edgelambda.amazonaws.com', 'lambda.amazonaws.com'] },
          }),
        ],
      }),
    });
    template.hasResourceProperties('AWS::IAM::ManagedPolicy', {
      PolicyDocument: Match.objectLike({
        Statement: [
          Match.objectLike({
            Action: ['logs:CreateLogGroup', 'logs:CreateLogStream', 'logs:PutLogEvents'],
            Resource: {
              'Fn::Join': [
                '',
                [
                  'arn:aws:logs:*:',
                  { Ref: 'AWS::AccountId' },
                  ':log-group:/aws/lambda/us-east-1.',
                  { Ref: stack.getLogicalId(edge.function.node.defaultChild as never) },
                  ':*',
                ],
              ],
            },
          }),
        ],
      }),
    });
    expect(versions[0]?.DependsOn).toEqual(
      Object.keys(template.findResources('AWS::IAM::ManagedPolicy')),
    );
  });

  test('has no log group in its own region, to which Lambda@Edge never writes', () => {
    template.resourceCountIs('AWS::Logs::LogGroup', 0);
  });
});

test('equal settings give the same version in every synthesis, other settings another one', () => {
  const versionWith = (settings: object) => {
    const stack = new Stack(new App(), 'Test', { env: { region: 'us-east-1' } });
    functionIn(stack, settings);
    return Object.keys(Template.fromStack(stack).findResources('AWS::Lambda::Version'));
  };
  const first = versionWith({ a: 1, b: 2 });
  expect(first).toHaveLength(1);
  expect(versionWith({ b: 2, a: 1 })).toEqual(first);
  expect(versionWith({ a: 1, b: 3 })).not.toEqual(first);
});

test('is refused outside us-east-1', () => {
  expect(() => functionIn(new Stack(new App(), 'Test', { env: { region: 'eu-west-1' } }))).toThrow(
    'EdgeFunction at Test/Edge: env.region of the stack must be us-east-1, got "eu-west-1".\n' +
      'CloudFront replicates Lambda@Edge functions from us-east-1 only.',
  );
});
