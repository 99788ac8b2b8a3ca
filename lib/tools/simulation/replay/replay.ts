/**
 * Replays an access log through the model of a distribution: as fast as the machine can, but on the
 * clock of the log.
 */
import type { Assembly } from '../../assembly';
import type { DistributionModel } from '../distribution';
import type { Fetch } from '../engine';
import { type EdgeFunctionRunner, edgeFunctionRunner, type RunnerOptions } from '../functions';
import type { Log, LogRecord } from '../logs';
import type { HttpRequest } from '../messages';
import { edgeLocation, type PreparedRequest, requestPath, spreadEdgeLocation } from '../path';
import { assumptions } from './assumptions';
import { findings } from './findings';
import { hopsMs, transferMs } from './latency';
import {
  type AssumedCacheControl,
  loggedOrigin,
  type OriginResponse,
  originMs,
  originRegions,
} from './origin';
import { judge, type ReplayObjectives, type ReplayReport } from './report';
import { type ReplayedRequest, replayRun } from './run';
import { type Cell, replayTally, replayTimeline } from './tally';

const MB = 1e6;

/**
 * AWS does not publish how much an edge location holds of one distribution. The capacities range
 * from what a busy location leaves to a small site, to no limit.
 */
export const DEFAULT_CAPACITIES: readonly number[] = [
  256 * MB,
  4000 * MB,
  Number.POSITIVE_INFINITY,
];

/** How many different error messages of edge functions are counted. */
const MAX_MESSAGES = 50;

export interface ReplayOptions {
  readonly assembly: Assembly;
  readonly distribution: DistributionModel;
  readonly log: Log;
  /** The name of the log in the report. */
  readonly file: string;
  /**
   * The capacity of each edge location in bytes, one for each run.
   *
   * @default DEFAULT_CAPACITIES
   */
  readonly capacities?: readonly number[];
  /**
   * Headers that origins are assumed to send.
   *
   * @default - none: the default TTLs of the behaviors apply
   */
  readonly cacheControl?: readonly AssumedCacheControl[];
  /**
   * The region of all origins.
   *
   * @default - as the assembly says
   */
  readonly originRegion?: string;
  /**
   * Objectives to judge the replay by.
   *
   * @default - not judged
   */
  readonly objectives?: ReplayObjectives;
  /**
   * Runs the edge functions.
   *
   * @default - those of the assembly, as they would be deployed
   */
  readonly functions?: EdgeFunctionRunner;
  /**
   * Called before the code of an edge function runs, with the function's name.
   *
   * @default - calls are not reported
   */
  readonly onCall?: RunnerOptions['onCall'];
  /**
   * Called for each request of the log.
   *
   * @default - progress is not reported
   */
  readonly onRequest?: () => void;
}

/**
 * Replays a log at each capacity.
 *
 * @throws IsochroneError if the log cannot be read
 */
export async function replay(options: ReplayOptions): Promise<ReplayReport> {
  const {
    assembly,
    distribution,
    log,
    capacities = DEFAULT_CAPACITIES,
    cacheControl = [],
  } = options;
  let clockMs = 0;
  // The synchronous time limit would cost more than all caches.
  const ownFunctions = () =>
    edgeFunctionRunner({
      now: () => clockMs,
      synchronousTimeLimit: false,
      ...(options.onCall && { onCall: options.onCall }),
    });
  const path = requestPath(distribution, options.functions ?? ownFunctions());
  const usedRegions = new Set<string>();
  const regionOf = originRegions(assembly, distribution, options.originRegion);
  const origin = loggedOrigin(
    path,
    (...args) => {
      const region = regionOf(...args);
      usedRegions.add(region);
      return region;
    },
    cacheControl,
  );
  const patterns = distribution.behaviors.map(({ pathPattern }) => pathPattern);
  const tally = replayTally(capacities.length, patterns);
  const timeline = replayTimeline(capacities.length);
  const found = findings();
  const messages = new Map<string, number>();
  const onFunctionErrors = (errors: readonly string[]) => {
    for (const message of errors) {
      if (messages.has(message) || messages.size < MAX_MESSAGES)
        messages.set(message, (messages.get(message) ?? 0) + 1);
    }
  };
  const runs = capacities.map((capacity, index) =>
    replayRun(
      index,
      capacity,
      distribution.errorMinTtlSeconds,
      async ({ prepared, record }, served, hit) => {
        if (hit) timeline.hit(record.timeMs, index);
        // Figures do not depend on the viewer-response function, but its errors are reported, once
        // and not for each capacity.
        if (index === 0 && prepared.behavior.functions['viewer-response'])
          onFunctionErrors((await path.toViewer(prepared, served)).functionErrors);
      },
    ),
  );

  const host = distribution.domainNames[0] ?? 'distribution.cloudfront.net';
  const assumed = { place: 0, host: 0, originTime: 0 };
  let requests = 0;
  let fromMs: number | undefined;
  for await (const record of log.records) {
    options.onRequest?.();
    const id = requests++;
    fromMs ??= record.timeMs;
    clockMs = record.timeMs;
    const named = record.edgeLocation === undefined ? undefined : edgeLocation(record.edgeLocation);
    if (named === undefined) assumed.place++;
    if (record.host === undefined) assumed.host++;
    if (originMs(record) === undefined) assumed.originTime++;
    const place = named ?? spreadEdgeLocation(record.clientAddress);
    const prepared = await path.prepare(requestOf(record, host), place, 'https');
    onFunctionErrors(prepared.functionErrors);
    found.observe(record, prepared);
    const cell = tally.cell(prepared.behavior.pathPattern, place.continent);
    cell.requests++;
    cell.bytes += record.bytes;
    timeline.request(record.timeMs);
    for (const run of runs) await run.advance(record.timeMs);
    if (prepared.keyed) {
      const fetchOnce = onceForAllRuns(async (fetch) => {
        const response = await origin(prepared, record, fetch.validators);
        onFunctionErrors(response.functionErrors);
        return response;
      });
      for (const run of runs)
        await run.request({
          record,
          prepared,
          keyed: { id, ...prepared.keyed },
          cell,
          origin: fetchOnce,
        });
    } else {
      countImmediate(prepared, cell);
    }
  }
  for (const run of runs) await run.advance(Number.POSITIVE_INFINITY);

  const summary = log.summary();
  const tallied = tally.report();
  return {
    assembly: assembly.directory,
    distribution: distribution.id,
    log: {
      file: options.file,
      format: summary.format,
      lines: summary.lines,
      replayed: requests,
      broken: summary.broken,
      brokenExamples: summary.brokenExamples,
      outOfOrder: summary.outOfOrder,
      ...(fromMs !== undefined && {
        from: new Date(fromMs).toISOString(),
        to: new Date(clockMs).toISOString(),
      }),
    },
    modelled: assumptions(requests, summary, {
      assumed,
      host,
      originRegions: [...usedRegions].sort(),
      cacheControl,
    }).concat(distribution.gaps),
    capacityBytes: capacities.map((bytes) => (Number.isFinite(bytes) ? bytes : null)),
    ...tallied,
    ...found.report(),
    objectives: options.objectives ? judge(options.objectives, tallied.total) : [],
    timeline: timeline.report(),
    functionErrors: [...messages]
      .map(([message, count]) => ({ message, count }))
      .sort((a, b) => b.count - a.count),
  };
}

function requestOf(
  { method, host, path, query, headers, clientAddress }: LogRecord,
  defaultHost: string,
): HttpRequest {
  return {
    method,
    host: host ?? defaultHost,
    path,
    query,
    headers: { host: [host ?? defaultHost], ...headers },
    clientAddress,
  };
}

/** Every run sends the same request to the origin, so edge functions run only once. */
function onceForAllRuns(
  fetchOnce: (fetch: Fetch) => Promise<OriginResponse>,
): ReplayedRequest['origin'] {
  let first: Promise<OriginResponse> | undefined;
  return (fetch) => {
    if (fetch.validators) return fetchOnce(fetch);
    first ??= fetchOnce(fetch);
    return first;
  };
}

function countImmediate({ place, immediate }: PreparedRequest, { runs }: Cell): void {
  for (const { latency } of runs)
    latency.add(hopsMs(place, 'function') + transferMs(immediate?.response.bodyBytes ?? 0));
}
