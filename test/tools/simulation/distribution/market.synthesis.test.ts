import { readDistribution } from '../../../../lib/tools/simulation/distribution/read';
import { functionsDeployment, marketAssembly } from '../../../market-stage';

describe('this project', () => {
  test('with Lambda@Edge has ordered behaviors, policies, and functions with their folders', () => {
    const assembly = marketAssembly();
    const model = readDistribution(assembly);
    expect(model.id).toMatch(/^market-production\/us-east-1\/Edge\/Distribution/);
    expect(model.domainNames).toEqual(['market.example.com']);
    expect(model.behaviors.at(0)).toMatchObject({
      pathPattern: '/admin/*',
      cachePolicy: { name: 'CachingDisabled' },
      originId: 'write',
    });
    expect(model.behaviors.find(({ pathPattern }) => pathPattern === '/static/*')).toMatchObject({
      cachePolicy: {
        minTtlSeconds: 0,
        defaultTtlSeconds: 7200,
        maxTtlSeconds: 172_800,
        query: { kind: 'none' },
        gzip: true,
        brotli: true,
      },
      functions: {
        'viewer-request': {
          kind: 'lambda-edge',
          handler: 'index.handler',
          directory: expect.stringContaining(assembly.directory),
        },
        'origin-response': { kind: 'lambda-edge' },
      },
    });
    expect(model.behaviors.at(-1)?.pathPattern).toBe('*');
    expect(model.origins.read).toMatchObject({
      kind: 'custom',
      domainName: 'read.origin.market.example.com',
      protocolPolicy: 'https-only',
    });
    expect(model.gaps).toEqual([
      'The rules of the web ACL are omitted: every request passes them.',
    ]);
  });

  test('with CloudFront Functions has their code and VPC origins', () => {
    const model = readDistribution(marketAssembly(functionsDeployment()));
    expect(Object.values(model.origins).some(({ kind }) => kind === 'vpc')).toBe(true);
    expect(model.behaviors.at(-1)?.functions['viewer-request']).toMatchObject({
      kind: 'cloudfront-function',
      code: expect.stringContaining('handler'),
    });
  });
});
