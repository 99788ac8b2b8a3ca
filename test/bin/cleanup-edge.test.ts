/**
 * The command's calls of the AWS SDK, its reading of the responses, and the options that it
 * refuses. No call leaves the process.
 */
import { cleanupEdge, edgeFunctionsApi } from '../../bin/commands/cleanup-edge';
import { cleanUpEdge } from '../../lib/tools/account/edge-cleanup';
import { recordedSdk } from './recorded-sdk';

const ARN = 'arn:aws:lambda:us-east-1:111122223333:function:market-a';

function sdk(answers: Readonly<Record<string, object>>) {
  const { calls, load } = recordedSdk(answers);
  return { calls, api: edgeFunctionsApi('us-east-1', load) };
}

test('each call sends the documented command to the region, and is tried once', async () => {
  const { calls, api } = sdk({
    DescribeStackResourceCommand: { StackResourceDetail: { StackName: 's', ResourceStatus: 'x' } },
  });
  await api.listFunctions('m1');
  await api.listVersions('market-a', 'm2');
  await api.listTags(ARN);
  await api.describeStackResource('stack-id', 'Function');
  await api.describeStackResources('market-a');
  await api.listDistributions('m3');
  await api.deleteFunction('market-a');
  expect(calls.map(({ client, command, input }) => [client, command, input])).toEqual([
    ['@aws-sdk/client-lambda', 'ListFunctionsCommand', { Marker: 'm1' }],
    [
      '@aws-sdk/client-lambda',
      'ListVersionsByFunctionCommand',
      { FunctionName: 'market-a', Marker: 'm2' },
    ],
    ['@aws-sdk/client-lambda', 'ListTagsCommand', { Resource: ARN }],
    [
      '@aws-sdk/client-cloudformation',
      'DescribeStackResourceCommand',
      { StackName: 'stack-id', LogicalResourceId: 'Function' },
    ],
    [
      '@aws-sdk/client-cloudformation',
      'DescribeStackResourcesCommand',
      { PhysicalResourceId: 'market-a' },
    ],
    ['@aws-sdk/client-cloudfront', 'ListDistributionsCommand', { Marker: 'm3' }],
    ['@aws-sdk/client-lambda', 'DeleteFunctionCommand', { FunctionName: 'market-a' }],
  ]);
  for (const { config } of calls)
    expect(config).toMatchObject({
      region: 'us-east-1',
      maxAttempts: 1,
      requestHandler: { throwOnRequestTimeout: true },
    });
});

test('reads the responses', async () => {
  const { api } = sdk({
    ListFunctionsCommand: {
      Functions: [{ FunctionName: 'market-a', FunctionArn: ARN }],
      NextMarker: 'n',
    },
    ListVersionsByFunctionCommand: {
      Versions: [{ Version: '$LATEST' }, { Version: '4' }],
      NextMarker: '',
    },
    ListTagsCommand: { Tags: { team: 'shop' } },
    DescribeStackResourceCommand: {
      StackResourceDetail: {
        StackName: 's',
        PhysicalResourceId: 'market-a',
        ResourceStatus: 'DELETE_SKIPPED',
      },
    },
    DescribeStackResourcesCommand: {
      StackResources: [{ StackName: 't', ResourceStatus: 'CREATE_IN_PROGRESS' }],
    },
    ListDistributionsCommand: {
      DistributionList: {
        NextMarker: 'n',
        Items: [
          {
            Id: 'E1',
            DefaultCacheBehavior: {
              LambdaFunctionAssociations: {
                Quantity: 1,
                Items: [{ LambdaFunctionARN: `${ARN}:1` }],
              },
            },
            CacheBehaviors: {
              Items: [
                { LambdaFunctionAssociations: { Quantity: 0 } },
                { LambdaFunctionAssociations: { Items: [{ LambdaFunctionARN: `${ARN}:2` }] } },
              ],
            },
          },
          { Id: 'E2', CacheBehaviors: { Quantity: 0 } },
        ],
      },
    },
  });
  expect(await api.listFunctions()).toEqual({
    items: [{ name: 'market-a', arn: ARN, notAtTheEdge: [] }],
    next: 'n',
  });
  expect(await api.listVersions('market-a')).toEqual({ items: ['$LATEST', '4'], next: undefined });
  expect(await api.listTags(ARN)).toEqual({ team: 'shop' });
  expect(await api.describeStackResource('id', 'F')).toEqual({
    stackName: 's',
    physicalId: 'market-a',
    status: 'DELETE_SKIPPED',
  });
  expect(await api.describeStackResources('id')).toEqual([
    { stackName: 't', physicalId: undefined, status: 'CREATE_IN_PROGRESS' },
  ]);
  expect(await api.listDistributions()).toEqual({
    items: [
      { id: 'E1', functionArns: [`${ARN}:1`, `${ARN}:2`] },
      { id: 'E2', functionArns: [] },
    ],
    next: 'n',
  });
});

test.each<[object, string[]]>([
  [{ Environment: { Variables: { A: 'b' } } }, ['environment variables']],
  [{ VpcConfig: { VpcId: 'vpc-1' } }, ['a VPC']],
  [{ Layers: [{}] }, ['layers']],
  [{ DeadLetterConfig: { TargetArn: 'arn' } }, ['a dead letter queue']],
  [{ PackageType: 'Image' }, ['a container image']],
  [{ Architectures: ['arm64'] }, ['the architecture arm64']],
  [
    {
      VpcConfig: { VpcId: '' },
      Layers: [],
      PackageType: 'Zip',
      Architectures: ['x86_64'],
      Environment: { Variables: {} },
    },
    [],
  ],
])(
  'a function with %j has %j, which Lambda@Edge cannot have',
  async (configuration, notAtTheEdge) => {
    const { api } = sdk({
      ListFunctionsCommand: {
        Functions: [{ FunctionName: 'market-a', FunctionArn: ARN, ...configuration }],
      },
    });
    expect((await api.listFunctions()).items[0]?.notAtTheEdge).toEqual(notAtTheEdge);
  },
);

test('an empty account is cleaned up with two calls', async () => {
  const { calls, api } = sdk({});
  const options = { prefix: 'market', delete: true, sleep: async () => {}, random: Math.random };
  expect(await cleanUpEdge(api, options)).toEqual({ entries: [], retries: 0 });
  expect(calls.map(({ command }) => command)).toEqual([
    'ListFunctionsCommand',
    'ListDistributionsCommand',
  ]);
});

test('says what to install if the SDK is missing', () => {
  const load = () => {
    throw Object.assign(new Error('Cannot find module'), { code: 'MODULE_NOT_FOUND' });
  };
  expect(() => edgeFunctionsApi('us-east-1', load)).toThrow(
    'cleanup-edge needs @aws-sdk/client-lambda, which is not installed here.\n' +
      'Install all its packages with `npm install --save-dev @aws-sdk/client-lambda ' +
      '@aws-sdk/client-cloudfront @aws-sdk/client-cloudformation`.',
  );
});

test('reports a package that lacks the client', () => {
  expect(() => edgeFunctionsApi('us-east-1', () => ({}))).toThrow(
    'The installed AWS SDK has no LambdaClient.',
  );
});

test.each<[string[], RegExp]>([
  [[], /--prefix is required\.[\s\S]*cleanup-edge --prefix NAME/],
  [
    ['--prefix', 'market', '--region', 'eu-west-1'],
    /--region must be us-east-1, got "eu-west-1"\.\nLambda@Edge functions exist only there/,
  ],
  [['--prefix', 'market', '--force'], /Unknown option '--force'[\s\S]*cleanup-edge --prefix NAME/],
])('refuses %j', async (args, says) => {
  await expect(cleanupEdge.run(args)).rejects.toThrow(says);
});
