import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { readDistribution } from '../../../../lib/tools/simulation/distribution/read';
import { assemblyOf, DEFAULT_BEHAVIOR, distributionResource, ORIGIN } from '../fixtures';

const read = (
  config: Record<string, unknown>,
  others: Parameters<typeof assemblyOf>[0] = {},
  files = {},
  other = {},
) =>
  readDistribution(
    assemblyOf({ Distribution: distributionResource(config), ...others }, files, {
      Resources: {},
      ...other,
    }),
  );

test('legacy settings make a key of everything that they forward, and default TTLs', () => {
  const { behaviors } = read({
    CacheBehaviors: [
      {
        PathPattern: 'api/*',
        TargetOriginId: 'site',
        ViewerProtocolPolicy: 'https-only',
        MaxTTL: 60,
        DefaultTTL: 30,
        ForwardedValues: {
          QueryString: 'true',
          QueryStringCacheKeys: ['page'],
          Headers: ['Accept'],
          Cookies: { Forward: 'whitelist', WhitelistedNames: ['session'] },
        },
      },
    ],
    DefaultCacheBehavior: {
      TargetOriginId: 'site',
      ViewerProtocolPolicy: 'allow-all',
      ForwardedValues: { QueryString: false, Headers: ['*'] },
    },
  });
  expect(behaviors).toMatchObject([
    {
      pathPattern: 'api/*',
      cachePolicy: {
        minTtlSeconds: 0,
        defaultTtlSeconds: 30,
        maxTtlSeconds: 60,
        headers: { kind: 'only', names: ['accept'] },
        query: { kind: 'only', names: ['page'] },
        cookies: { kind: 'only', names: ['session'] },
      },
      originRequest: { query: { kind: 'all' } },
    },
    {
      pathPattern: '*',
      allowedMethods: ['GET', 'HEAD'],
      cachePolicy: {
        defaultTtlSeconds: 86_400,
        maxTtlSeconds: 31_536_000,
        headers: { kind: 'all' },
        query: { kind: 'none' },
      },
    },
  ]);
});

test('a default TTL below the minimum is raised', () => {
  // "Managing how long content stays in the cache (expiration)".
  const policy = {
    Type: 'AWS::CloudFront::CachePolicy',
    Properties: {
      CachePolicyConfig: {
        Name: 'odd',
        MinTTL: 7200,
        DefaultTTL: 3600,
        MaxTTL: 300,
        ParametersInCacheKeyAndForwardedToOrigin: {
          CookiesConfig: { CookieBehavior: 'none' },
          HeadersConfig: { HeaderBehavior: 'whitelist', Headers: ['X-Tenant'] },
          QueryStringsConfig: { QueryStringBehavior: 'allExcept', QueryStrings: ['utm_source'] },
          EnableAcceptEncodingGzip: true,
        },
      },
    },
  };
  const { behaviors } = read(
    { DefaultCacheBehavior: { ...DEFAULT_BEHAVIOR, CachePolicyId: { Ref: 'Odd' } } },
    { Odd: policy },
  );
  expect(behaviors[0]?.cachePolicy).toEqual({
    name: 'odd',
    minTtlSeconds: 7200,
    defaultTtlSeconds: 7200,
    maxTtlSeconds: 7200,
    headers: { kind: 'only', names: ['x-tenant'] },
    query: { kind: 'all-except', names: ['utm_source'] },
    cookies: { kind: 'none', names: [] },
    gzip: true,
    brotli: false,
  });
});

test('origins of all kinds, shields, origin groups and error pages are read', () => {
  const model = read({
    DefaultRootObject: 'index.html',
    Origins: [
      {
        ...ORIGIN,
        OriginPath: '/v2',
        OriginCustomHeaders: [{ HeaderName: 'X-Key', HeaderValue: 'k' }],
        OriginShield: { Enabled: true, OriginShieldRegion: 'eu-west-1' },
      },
      {
        Id: 'bucket',
        DomainName: { 'Fn::GetAtt': ['Bucket', 'RegionalDomainName'] },
        S3OriginConfig: {},
      },
      {
        Id: 'private',
        DomainName: {
          'Fn::Select': [2, { 'Fn::Split': ['/', { 'Fn::GetAtt': ['Url', 'FunctionUrl'] }] }],
        },
        VpcOriginConfig: {},
      },
    ],
    OriginGroups: {
      Items: [
        {
          Id: 'both',
          FailoverCriteria: { StatusCodes: { Items: [500, 503] } },
          Members: { Items: [{ OriginId: 'site' }, { OriginId: 'bucket' }] },
        },
      ],
    },
    CustomErrorResponses: [
      { ErrorCode: 404, ResponsePagePath: '/404.html', ResponseCode: 200, ErrorCachingMinTTL: 60 },
      { ErrorCode: 500, ErrorCachingMinTTL: 0 },
    ],
  });
  expect(model.origins).toMatchObject({
    site: { path: '/v2', customHeaders: { 'x-key': 'k' }, shieldRegion: 'eu-west-1' },
    bucket: { kind: 's3', domainName: 'Bucket' },
    private: { kind: 'vpc', domainName: 'Url' },
  });
  expect(model.originGroups).toEqual({
    both: { id: 'both', memberIds: ['site', 'bucket'], failoverStatusCodes: [500, 503] },
  });
  expect(model.errorMinTtlSeconds).toEqual({ 404: 60, 500: 0 });
  expect(model.errorPages).toEqual({ 404: { path: '/404.html', status: 200 } });
  expect(model.defaultRootObject).toBe('index.html');
});

describe('edge functions', () => {
  const lambda = (properties: object, metadata = {}) => ({
    Version: { Type: 'AWS::Lambda::Version', Properties: { FunctionName: { Ref: 'Function' } } },
    Function: {
      Type: 'AWS::Lambda::Function',
      Properties: { Runtime: 'nodejs24.x', Handler: 'index.handler', ...properties },
      Metadata: metadata,
    },
  });
  const associated = (arn: unknown) => ({
    DefaultCacheBehavior: {
      ...DEFAULT_BEHAVIOR,
      LambdaFunctionAssociations: [{ EventType: 'viewer-request', LambdaFunctionARN: arn }],
    },
  });
  const files = { 'asset.abc/index.js': '' };

  test('the asset is found by its metadata, or else by its S3 key', () => {
    const byMetadata = read(
      associated({ Ref: 'Version' }),
      lambda({ Code: {} }, { 'aws:asset:path': '../asset.abc' }),
      files,
    );
    const byKey = read(
      associated({ Ref: 'Version' }),
      lambda({ Code: { S3Key: 'abc.zip' } }),
      files,
    );
    for (const { behaviors } of [byMetadata, byKey]) {
      expect(behaviors[0]?.functions['viewer-request']).toMatchObject({
        name: 'Function',
        timeoutSeconds: 3,
        directory: expect.stringMatching(/asset\.abc$/),
      });
    }
  });

  test("a function in another stack is found by an export or by CDK's cross-region reader", () => {
    const value = { Ref: 'Version' };
    const exported = {
      Resources: lambda({ Code: { S3Key: 'abc.zip' } }),
      Outputs: { Out: { Value: value, Export: { Name: 'Other:Version' } } },
    };
    const stored = {
      Resources: {
        ...exported.Resources,
        Parameter: {
          Type: 'AWS::SSM::Parameter',
          Properties: { Name: '/cdk/EdgeFunctionArn/x', Value: value },
        },
      },
    };
    const reader = {
      Type: 'Custom::CrossRegionStringParameterReader',
      Properties: { ParameterName: '/cdk/EdgeFunctionArn/x' },
    };
    const models = [
      read(associated({ 'Fn::ImportValue': 'Other:Version' }), {}, files, exported),
      read(
        associated({ 'Fn::GetAtt': ['Reader', 'FunctionArn'] }),
        { Reader: reader },
        files,
        stored,
      ),
    ];
    for (const { behaviors } of models)
      expect(behaviors[0]?.functions['viewer-request']?.name).toBe('Function');
  });

  test.each<[string, unknown, ReturnType<typeof lambda> | object, RegExp]>([
    [
      'a function imported by its ARN',
      'arn:aws:lambda:us-east-1:111122223333:function:f:7',
      {},
      /function:f:7 does not run: its code is not in the assembly/,
    ],
    [
      'a function in Python',
      { Ref: 'Version' },
      lambda({ Runtime: 'python3.13' }),
      /does not run: its runtime is python3\.13/,
    ],
    [
      'a function without its asset',
      { Ref: 'Version' },
      lambda({ Code: { S3Key: 'gone.zip' } }),
      /does not run: its asset is not in the assembly/,
    ],
  ])('%s is a gap, not an error', (_what, arn, resources, says) => {
    const model = read(associated(arn), resources as ReturnType<typeof lambda>, files);
    expect(model.behaviors[0]?.functions).toEqual({});
    expect(model.gaps).toEqual([expect.stringMatching(says)]);
  });

  describe('an asset outside the assembly is no code to run', () => {
    const asset = (path: string) =>
      assemblyOf(
        {
          Site: distributionResource(associated({ Ref: 'Version' })),
          ...lambda({ Code: {} }, { 'aws:asset:path': path }),
        },
        files,
      );

    test.each(['../../../etc', '/etc', '..', '..\\..\\etc', 'asset.abc\0'])(
      '%j is refused',
      (path) => {
        expect(() => readDistribution(asset(path))).toThrow(
          /^The edge function Function cannot be simulated: its asset .* (outside the assembly|not a path)\.\n/,
        );
      },
    );

    test('the assembly itself is no asset', () => {
      expect(readDistribution(asset('.')).gaps).toEqual([expect.stringMatching(/does not run/)]);
    });

    test('a symbolic link that leads out of the assembly is refused, one inside is not', () => {
      const inside = asset('asset.abc');
      symlinkSync('../asset.abc/index.js', join(inside.directory, 'asset.abc', 'inside.js'));
      // Not followed: it would be a circle.
      symlinkSync('.', join(inside.directory, 'asset.abc', 'self'));
      expect(readDistribution(inside).gaps).toEqual([]);
      mkdirSync(join(inside.directory, 'asset.abc', 'deep'));
      symlinkSync('/etc', join(inside.directory, 'asset.abc', 'deep', 'out'));
      expect(() => readDistribution(inside)).toThrow(
        /its asset has the symbolic link ".*deep\/out", which leads out of the assembly/,
      );
    });

    test('an asset may be named absolutely, from the folder above, or through a link', () => {
      const assembly = asset('linked');
      symlinkSync('asset.abc', join(assembly.directory, 'linked'));
      expect(readDistribution(assembly).gaps).toEqual([]);
      expect(readDistribution(asset(join('x', '..', 'asset.abc'))).gaps).toEqual([]);
      expect(readDistribution(asset('..\\asset.abc')).gaps).toEqual([]);
    });
  });

  test('a timeout that only the deployment knows is the default', () => {
    const { behaviors } = read(
      associated({ Ref: 'Version' }),
      lambda({ Code: { S3Key: 'abc.zip' }, Timeout: { Ref: 'Seconds' } }),
      files,
    );
    expect(behaviors[0]?.functions['viewer-request']?.timeoutSeconds).toBe(3);
  });
});

test.each(['constructor', '__proto__', 'toString'])(
  'an origin, a resource or a kind called %s is not found unless it is there',
  (name) => {
    const targets = { DefaultCacheBehavior: { ...DEFAULT_BEHAVIOR, TargetOriginId: name } };
    expect(() => read(targets)).toThrow(/which is not an origin/);
    expect(read({ ...targets, Origins: [{ ...ORIGIN, Id: name }] }).behaviors[0]?.originId).toBe(
      name,
    );
    const associated = {
      DefaultCacheBehavior: {
        ...DEFAULT_BEHAVIOR,
        LambdaFunctionAssociations: [
          { EventType: 'viewer-request', LambdaFunctionARN: { Ref: name } },
        ],
      },
    };
    expect(read(associated).gaps).toEqual([
      expect.stringMatching(/its code is not in the assembly/),
    ]);
  },
);

describe('an unreadable distribution', () => {
  test.each<[string, Record<string, unknown>, RegExp]>([
    [
      'behaviors with a condition',
      {
        CacheBehaviors: {
          'Fn::If': ['C', [{ ...DEFAULT_BEHAVIOR, PathPattern: '/x' }], { Ref: 'AWS::NoValue' }],
        },
      },
      /its behaviors depend on a condition/,
    ],
    [
      'a cache key with a condition',
      {
        DefaultCacheBehavior: {
          TargetOriginId: 'site',
          ViewerProtocolPolicy: 'allow-all',
          ForwardedValues: { 'Fn::If': ['C', { QueryString: true }, { QueryString: false }] },
        },
      },
      /the behavior \* depends on a condition \(ForwardedValues\)/,
    ],
    [
      'a TTL from a parameter',
      {
        DefaultCacheBehavior: {
          TargetOriginId: 'site',
          ViewerProtocolPolicy: 'allow-all',
          ForwardedValues: {},
          MinTTL: { Ref: 'Ttl' },
        },
      },
      /the MinTTL of the behavior \* is not a number/,
    ],
    [
      'a policy named like a property of every object',
      { DefaultCacheBehavior: { ...DEFAULT_BEHAVIOR, CachePolicyId: 'constructor' } },
      /has the cache policy constructor/,
    ],
    [
      'a cache policy outside the assembly',
      {
        DefaultCacheBehavior: {
          ...DEFAULT_BEHAVIOR,
          CachePolicyId: '11111111-2222-3333-4444-555555555555',
        },
      },
      /cannot be simulated: the behavior \* has the cache policy 11111111[\s\S]*\nCaching depends/,
    ],
    [
      'no cache policy',
      { DefaultCacheBehavior: { ...DEFAULT_BEHAVIOR, CachePolicyId: undefined } },
      /neither a cache policy nor forwarded values/,
    ],
    [
      'an unknown target',
      { DefaultCacheBehavior: { ...DEFAULT_BEHAVIOR, TargetOriginId: 'gone' } },
      /targets "gone", which is not an origin/,
    ],
    ['no origins', { Origins: [] }, /it has no origins/],
    [
      'an origin group without a fallback',
      { OriginGroups: { Items: [{ Id: 'g', Members: { Items: [{ OriginId: 'site' }] } }] } },
      /origin group g has fewer than two/,
    ],
    [
      'an unknown viewer protocol policy',
      { DefaultCacheBehavior: { ...DEFAULT_BEHAVIOR, ViewerProtocolPolicy: 'http' } },
      /viewer protocol policy "http"/,
    ],
  ])('is rejected for %s', (_what, config, says) => {
    expect(() => read(config)).toThrow(says);
  });

  test('an assembly with no or several distributions needs a valid choice', () => {
    const two = assemblyOf({ A: distributionResource(), B: distributionResource() });
    expect(() => readDistribution(assemblyOf({}))).toThrow(
      /has no CloudFront distribution\.\nSynthesize/,
    );
    expect(() => readDistribution(two)).toThrow(
      /has 2 distributions: app\/Edge\/A, app\/Edge\/B\.\nChoose one with `--distribution`/,
    );
    expect(() => readDistribution(two, 'C')).toThrow(/"C" matches no distribution/);
    expect(readDistribution(two, 'B').id).toBe('app/Edge/B');
    expect(readDistribution(two, 'app/Edge/A').behaviors[0]?.cachePolicy.name).toBe(
      'CachingOptimized',
    );
    expect(readDistribution(two, 'A').behaviors[0]?.cachePolicy).toMatchObject({
      defaultTtlSeconds: 86_400,
    });
  });
});
