/** Small assemblies and messages for the tests of the simulation. */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  type Assembly,
  readAssembly,
  type TemplateResource,
} from '../../../lib/tools/assembly/assembly';
import type {
  BehaviorModel,
  DistributionModel,
  OriginModel,
} from '../../../lib/tools/simulation/distribution/distribution';
import { MANAGED_CACHE_POLICIES } from '../../../lib/tools/simulation/distribution/managed-policies';
import { NOTHING } from '../../../lib/tools/simulation/distribution/selection';
import type { HttpRequest } from '../../../lib/tools/simulation/messages';

export const CACHING_OPTIMIZED = '658327ea-f89d-4fab-a63d-7e88639e58f6';

export const ORIGIN = {
  Id: 'site',
  DomainName: 'site.example.com',
  CustomOriginConfig: { OriginProtocolPolicy: 'https-only' },
};

export const DEFAULT_BEHAVIOR = {
  TargetOriginId: 'site',
  ViewerProtocolPolicy: 'allow-all',
  CachePolicyId: CACHING_OPTIMIZED,
};

/**
 * A distribution with one origin and one behavior.
 *
 * @param config replaces properties of its configuration
 */
export function distributionResource(
  config: Readonly<Record<string, unknown>> = {},
): TemplateResource {
  return {
    Type: 'AWS::CloudFront::Distribution',
    Properties: {
      DistributionConfig: {
        Enabled: true,
        Origins: [ORIGIN],
        DefaultCacheBehavior: DEFAULT_BEHAVIOR,
        ...config,
      },
    },
  };
}

/** Writes files into a new temporary folder. */
export function folder(files: Readonly<Record<string, string>>): string {
  const directory = mkdtempSync(join(tmpdir(), 'isochrone-simulation-'));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), content);
  }
  return directory;
}

/**
 * An assembly with the stacks `app/Edge` and `app/Other`.
 *
 * @param resources the resources of `app/Edge`
 * @param other the template of `app/Other`
 */
export function assemblyOf(
  resources: Readonly<Record<string, TemplateResource>>,
  files: Readonly<Record<string, string>> = {},
  other: object = { Resources: {} },
): Assembly {
  const stack = (name: string) => ({
    type: 'aws:cloudformation:stack',
    environment: 'aws://unknown-account/us-east-1',
    displayName: `app/${name}`,
    properties: { templateFile: `${name}.template.json` },
  });
  const directory = folder({
    'manifest.json': JSON.stringify({ artifacts: { Edge: stack('Edge'), Other: stack('Other') } }),
    'Edge.template.json': JSON.stringify({ Resources: resources }),
    'Other.template.json': JSON.stringify(other),
    ...files,
  });
  return readAssembly(directory);
}

export const SITE: OriginModel = {
  id: 'site',
  domainName: 'site.example.com',
  kind: 'custom',
  path: '',
  customHeaders: {},
  protocolPolicy: 'https-only',
};

export function behavior(over: Partial<BehaviorModel> = {}): BehaviorModel {
  const cachePolicy = MANAGED_CACHE_POLICIES[CACHING_OPTIMIZED];
  if (!cachePolicy) throw new Error('unreachable');
  return {
    pathPattern: '*',
    allowedMethods: ['GET', 'HEAD'],
    cachedMethods: ['GET', 'HEAD'],
    viewerProtocolPolicy: 'allow-all',
    compress: false,
    originId: 'site',
    cachePolicy,
    originRequest: { headers: NOTHING, query: NOTHING, cookies: NOTHING },
    functions: {},
    ...over,
  };
}

export function distribution(over: Partial<DistributionModel> = {}): DistributionModel {
  return {
    id: 'app/Edge/Distribution',
    domainNames: [],
    behaviors: [behavior()],
    origins: { site: SITE },
    originGroups: {},
    errorMinTtlSeconds: {},
    errorPages: {},
    gaps: [],
    ...over,
  };
}

export function request(over: Partial<HttpRequest> = {}): HttpRequest {
  return {
    method: 'GET',
    host: 'www.example.com',
    path: '/a',
    query: '',
    headers: {},
    clientAddress: '203.0.113.7',
    ...over,
  };
}
