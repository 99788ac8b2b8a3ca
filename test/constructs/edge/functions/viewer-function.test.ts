import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import type * as cloudfront from 'aws-cdk-lib/aws-cloudfront';
import { ViewerFunction } from '../../../../lib/constructs/edge/functions/viewer-function';
import { marketSettings } from '../../../lambda-edge/normalize-cache-key/market-settings';
import { testStack } from '../../../test-stack';

const functionIn = (stack: Stack, settings: object, id = 'Function') =>
  new ViewerFunction(stack, id, { handler: 'normalize-cache-key', description: 'Test', settings });
const codeOf = (made: ViewerFunction) =>
  (made.function.node.defaultChild as cloudfront.CfnFunction).functionCode;

test('is published with runtime 2.0, and fits the market settings into 10,240 bytes', () => {
  const stack = testStack();
  const made = functionIn(stack, marketSettings());
  Template.fromStack(stack).hasResourceProperties('AWS::CloudFront::Function', {
    AutoPublish: true,
    FunctionConfig: { Comment: 'Test', Runtime: 'cloudfront-js-2.0' },
    FunctionCode: codeOf(made),
  });
  // CloudFront would create one that never expires.
  Template.fromStack(stack).hasResourceProperties('AWS::Logs::LogGroup', {
    LogGroupName: '/aws/cloudfront/function/Test-Function-D9FBAA3E',
    RetentionInDays: 90,
  });
  Template.fromStack(stack).hasResourceProperties('AWS::CloudFront::Function', {
    Name: 'Test-Function-D9FBAA3E',
  });
  expect(codeOf(made)).toContain(JSON.stringify(marketSettings()));
  expect(Buffer.byteLength(codeOf(made))).toBeLessThanOrEqual(10_240);
});

test('any settings become ASCII code', () => {
  const settings = { paths: [{ pattern: "$&$'/é\u2028\\*", query: 'none' }] };
  const code = codeOf(functionIn(new Stack(new App(), 'Test'), settings));
  expect(code).toContain("$&$'/\\u00e9\\u2028\\\\*");
  expect(Buffer.byteLength(code)).toBe(code.length);
});

test('is refused at exactly the size that CloudFront would refuse', () => {
  const stack = new Stack(new App(), 'Test');
  const sized = (size: number) => ({ paths: [], filler: 'x'.repeat(size) });
  const fits = 10_240 - codeOf(functionIn(stack, sized(0), 'Empty')).length;
  expect(codeOf(functionIn(stack, sized(fits), 'Fits'))).toHaveLength(10_240);
  expect(() => functionIn(stack, sized(fits + 1), 'Large')).toThrow(
    new RegExp(
      '^ViewerFunction at Test/Large: settings must be small enough for 10240 bytes together, ' +
        'got "10241 bytes of code, of which \\d+ are settings"\\.\n' +
        'CloudFront takes no larger function, and AWS does not raise that quota\\. Join path ' +
        'patterns',
    ),
  );
});

test('is refused outside us-east-1, and without a bundle', () => {
  expect(() =>
    functionIn(new Stack(new App(), 'Test', { env: { region: 'eu-west-1' } }), {}),
  ).toThrow(
    'ViewerFunction at Test/Function: env.region of the stack must be us-east-1, got ' +
      '"eu-west-1".\nCloudFront Functions are created in us-east-1 only.',
  );
  expect(
    () =>
      new ViewerFunction(new Stack(), 'Function', {
        handler: 'none',
        description: '',
        settings: {},
      }),
  ).toThrow('npm run build:handlers');
});
