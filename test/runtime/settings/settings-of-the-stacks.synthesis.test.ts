/** The settings that the stacks publish for applications, and the permission to read them. */

import { STANDARD_STRATEGIES } from '../../../lib/model/contracts';
import { parseSettings, strategiesOf } from '../../../lib/runtime/settings/document';
import { CACHE_STRATEGIES } from '../../../lib/runtime/tiered-cache/strategy';
import type { AssemblyStack } from '../../../lib/tools/assembly/assembly';
import { marketAssembly, marketDeployment } from '../../market-stage';

const REGIONS = ['us-east-1', 'eu-west-1'];

const deployment = marketDeployment();
deployment.cache.strategies = {
  kpi: { ttlSeconds: 15 },
  quotes: { ttlSeconds: 2, serializer: 'msgpack', staleSeconds: 5 },
};
deployment.database.poolerSecret = 'market/pooler-login';
const assembly = marketAssembly(deployment, REGIONS);

function serviceStack(region: string): AssemblyStack {
  const found = assembly.stacks.find(({ path }) => path === `market-production/${region}/Service`);
  if (!found) throw new Error(`There is no service stack in ${region}.`);
  return found;
}

function resource(region: string, type: string) {
  const [found] = Object.entries(serviceStack(region).template.Resources).filter(
    ([, { Type }]) => Type === type,
  );
  if (!found) throw new Error(`There is no ${type} in ${region}.`);
  return { id: found[0], ...found[1] };
}

/** Text as CloudFormation joins it, with a host in place of each value known only at deployment. */
function deployed(value: unknown): string {
  if (typeof value === 'string') return value;
  const parts = (value as { 'Fn::Join': [string, unknown[]] })['Fn::Join'][1];
  return parts.map((part) => (typeof part === 'string' ? part : hostOf(part))).join('');
}

/** A host or name as long as the longest that AWS generates. */
function hostOf(token: unknown): string {
  const { OutputName } = (token as { 'Fn::GetStackOutput': { OutputName: string } })[
    'Fn::GetStackOutput'
  ];
  return OutputName.includes('Address')
    ? `${OutputName.toLowerCase()}`.padEnd(120, 'x')
    : 'replication-group'.padEnd(40, 'x');
}

describe.each(REGIONS)('%s', (region) => {
  const parameter = resource(region, 'AWS::SSM::Parameter');
  const text = deployed(parameter.Properties?.Value);

  test('publishes settings that the runtime accepts', () => {
    expect(parameter.Properties).toMatchObject({
      Name: '/market-production/runtime',
      Type: 'String',
    });
    const settings = parseSettings(text);
    expect(settings).toMatchObject({
      region,
      primaryRegion: 'us-east-1',
      cache: {
        port: 6379,
        tls: true,
        cluster: true,
        namespace: 'market-production',
        iam: { region },
      },
      database: {
        name: 'market',
        user: 'application',
        writer: { port: 5432, tls: 'verify-full' },
        readers: { host: 'readers.market-production.internal', tls: 'verify-ca' },
        poolers: {
          host: 'poolers.market-production.internal',
          read: 'market',
          write: 'market_writer',
          secretName: 'market/pooler-login',
        },
        pool: deployment.database.applicationPool,
      },
      invalidation: { windowMs: 50 },
    });
    expect(settings.cache.host).toContain('configurationendpoint');
    expect(settings.cache.iam?.replicationGroupId).toContain('replication-group');
    // Outside the primary region it is the hub, which becomes the writer after a promotion.
    expect(settings.database.writer.host).toContain(
      region === 'us-east-1' ? 'primary' : 'replicashub',
    );
    expect(strategiesOf(settings).quotes).toMatchObject({
      prefix: 'quotes:',
      ttlSeconds: 2,
      staleSeconds: 5,
    });
  });

  test('publishes a standard parameter, even with the most strategies that a file may have', () => {
    expect(
      Buffer.byteLength(text) -
        Buffer.byteLength(JSON.stringify(deployment.cache.strategies)) +
        2048,
    ).toBeLessThanOrEqual(4096);
  });

  test('lets the fleet read the parameter, and replaces instances on a change', () => {
    const { template } = serviceStack(region);
    const grants = JSON.stringify(template.Resources).match(
      /"Action":"ssm:GetParameter","Effect":"Allow","Resource":\{.*?\}\]\]\}/g,
    );
    expect(grants).toHaveLength(1);
    expect(grants?.[0]).toContain(`":parameter",{"Ref":"${parameter.id}"}`);
    const boot = JSON.stringify(resource(region, 'AWS::EC2::LaunchTemplate'));
    expect(boot).toContain('ISOCHRONE_SETTINGS=\\"/market-production/runtime\\"');
    expect(boot).toMatch(/ISOCHRONE_SETTINGS_VERSION=\W+[0-9a-f]{12}/);
    expect(resource(region, 'AWS::AutoScaling::AutoScalingGroup').DependsOn).toContain(
      parameter.id,
    );
  });

  test('lets the fleet read the secret for the poolers, of which it has only the name', () => {
    expect(JSON.stringify(serviceStack(region).template.Resources)).toContain(
      ':secret:market/pooler-login-??????',
    );
  });
});

test('the contract names the library’s strategies, and each name is a prefix', () => {
  expect(STANDARD_STRATEGIES).toEqual(Object.keys(CACHE_STRATEGIES));
  for (const [name, { prefix }] of Object.entries(CACHE_STRATEGIES))
    expect(prefix).toBe(`${name}:`);
});
