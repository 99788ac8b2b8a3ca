/** A small distribution, and logs whose outcome can be counted by hand. */
import type { Assembly } from '../../../../lib/tools/assembly/assembly';
import type {
  BehaviorModel,
  CachePolicyModel,
} from '../../../../lib/tools/simulation/distribution/distribution';
import { NOTHING } from '../../../../lib/tools/simulation/distribution/selection';
import type { Log } from '../../../../lib/tools/simulation/logs/reader';
import type { LogRecord } from '../../../../lib/tools/simulation/logs/record';
import { type ReplayOptions, replay } from '../../../../lib/tools/simulation/replay/replay';
import { behavior, distribution } from '../fixtures';

export const TTL_SECONDS = 60;

export const ASSEMBLY: Assembly = {
  directory: 'cdk.out',
  stacks: [
    {
      path: 'site/Edge',
      stackName: 'site-Edge',
      region: 'us-east-1',
      dependsOn: [],
      template: { Resources: {} },
    },
  ],
};

/** A behavior with a default TTL of a minute and the query in the key. */
export function cached(
  pathPattern: string,
  policy: Partial<CachePolicyModel> = {},
  over: Partial<BehaviorModel> = {},
): BehaviorModel {
  const query = { kind: 'all', names: [] } as const;
  const ttl = { minTtlSeconds: 0, defaultTtlSeconds: TTL_SECONDS, maxTtlSeconds: 3600 };
  const cachePolicy = {
    name: 'cached',
    headers: NOTHING,
    cookies: NOTHING,
    gzip: false,
    brotli: false,
    query,
    ...ttl,
    ...policy,
  };
  return behavior({
    pathPattern,
    allowedMethods: ['GET', 'HEAD', 'OPTIONS', 'PUT', 'PATCH', 'POST', 'DELETE'],
    cachePolicy,
    ...over,
  });
}

export const UNCACHED = cached('/api/*', {
  defaultTtlSeconds: 0,
  maxTtlSeconds: 0,
  query: NOTHING,
});
export const WITHOUT_QUERY = cached('/img/*', { query: NOTHING });

export const DISTRIBUTION = distribution({
  id: 'site/Edge/Distribution',
  domainNames: ['www.example.com'],
  behaviors: [UNCACHED, WITHOUT_QUERY, cached('*')],
});

/** @param url path and query */
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
    summary: () => ({
      format: 'json',
      lines: records.length,
      broken: 0,
      brokenExamples: [],
      outOfOrder: 0,
      late: 0,
    }),
  };
}

export function replayed(records: readonly LogRecord[], options: Partial<ReplayOptions> = {}) {
  const defaults = {
    assembly: ASSEMBLY,
    distribution: DISTRIBUTION,
    file: 'a.log',
    capacities: [Number.POSITIVE_INFINITY],
  };
  return replay({ ...defaults, log: logOf(records), ...options });
}
