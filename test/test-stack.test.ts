/** What every test of a construct relies on: a finding of any rule fails the synthesis of its stack. */
import { CfnResource } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import * as sns from 'aws-cdk-lib/aws-sns';
import { testStack } from './test-stack';

function synthesized(Type: string, properties: Record<string, unknown>) {
  const stack = testStack();
  new CfnResource(stack, 'Resource', { type: Type, properties });
  return () => Template.fromStack(stack);
}

test.each([
  ['AWS::SNS::Topic', { NoSuchProperty: 1 }],
  ['AWS::Lambda::Permission', { Action: 'lambda:InvokeFunction', NoSuchProperty: 1 }],
])('a rule of CloudFormation fails a stack with a wrong %s', (type, properties) => {
  expect(synthesized(type, properties)).toThrow(/NoSuchProperty/);
});

test('a rule of a pack fails a stack, here a topic without encryption', () => {
  const stack = testStack();
  new sns.Topic(stack, 'Topic');
  expect(() => Template.fromStack(stack)).toThrow(/AwsSolutions-SNS/);
});

test('a stack without findings is synthesized', () => {
  expect(synthesized('AWS::SSM::Parameter', { Type: 'String', Value: 'x' })).not.toThrow();
});
