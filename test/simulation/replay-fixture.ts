/** A small distribution, and logs of which the outcome can be counted by hand. */
import type { Assembly } from '../../lib/assembly';
import type { BehaviorModel, DistributionModel } from '../../lib/simulation/distribution';
import type { Log } from '../../lib/simulation/log-reader';
import type { LogRecord } from '../../lib/simulation/log-record';
import { type ReplayOptions, replay } from '../../lib/simulation/replay';

export const TTL_SECONDS = 60;

export const ASSEMBLY: Assembly = {
  directory: 'cdk.out',
  stacks: [{ path: 'site/Edge', stackName: 'site-Edge', region: 'us-east-1', dependsOn: [], template: { Resources: {} } }],
};

const NOTHING = { kind: 'none', names: [] } as const;

export function behavior(
  overrides: Partial<Omit<BehaviorModel, 'cachePolicy'>> & { cachePolicy?: Partial<BehaviorModel['cachePolicy']> } = {},
): BehaviorModel {
  const { cachePolicy, ...rest } = overrides;
  return {
    pathPattern: '*',
    allowedMethods: ['GET', 'HEAD', 'OPTIONS', 'PUT', 'PATCH', 'POST', 'DELETE'],
    cachedMethods: ['GET', 'HEAD'],
    viewerProtocolPolicy: 'redirect-to-https',
    compress: false,
    originId: 'site',
    originRequest: { headers: NOTHING, query: NOTHING, cookies: NOTHING },
    functions: {},
    ...rest,
    cachePolicy: {
      name: 'all queries',
      minTtlSeconds: 0,
      defaultTtlSeconds: TTL_SECONDS,
      maxTtlSeconds: 3600,
      headers: NOTHING,
      query: { kind: 'all', names: [] },
      cookies: NOTHING,
      gzip: false,
      brotli: false,
      ...cachePolicy,
    },
  };
}

export const UNCACHED = behavior({ pathPattern: '/api/*', cachePolicy: { defaultTtlSeconds: 0, maxTtlSeconds: 0, query: NOTHING } });
export const WITHOUT_QUERY = behavior({ pathPattern: '/img/*', cachePolicy: { query: NOTHING } });

export function distribution(...behaviors: readonly BehaviorModel[]): DistributionModel {
  return {
    id: 'site/Edge/Distribution',
    domainNames: ['www.example.com'],
    behaviors: behaviors.length > 0 ? behaviors : [UNCACHED, WITHOUT_QUERY, behavior()],
    origins: {
      site: { id: 'site', domainName: 'origin.example.com', kind: 'custom', path: '', customHeaders: {}, protocolPolicy: 'https-only' },
    },
    originGroups: {},
    errorMinTtlSeconds: {},
    errorPages: {},
    gaps: [],
  };
}

/** @param url its path and query */
export function record(seconds: number, url: string, more: Partial<LogRecord> = {}): LogRecord {
  const [path = '', query = ''] = url.split('?');
  return {
    timeMs: Date.UTC(2024, 0, 1) + seconds * 1000,
    method: 'GET',
    path,
    query,
    headers: {},
    clientAddress: '192.0.2.1',
    status: 200,
    bytes: 100,
    edgeLocation: 'IAD89-C1',
    ...more,
  };
}

export function logOf(records: readonly LogRecord[]): Log {
  return {
    records: (async function* () {
      yield* records;
    })(),
    summary: () => ({ format: 'json', lines: records.length, broken: 0, brokenExamples: [], outOfOrder: 0, late: 0 }),
  };
}

export function replayed(records: readonly LogRecord[], options: Partial<ReplayOptions> = {}) {
  const defaults = { assembly: ASSEMBLY, distribution: distribution(), file: 'a.log', capacities: [Number.POSITIVE_INFINITY] };
  return replay({ ...defaults, log: logOf(records), ...options });
}
