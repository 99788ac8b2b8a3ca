/**
 * The cost of the edge: the speed of the normalizer against URLSearchParams, a million runs of its
 * properties, the work of the CloudFront Function for costly queries, and the sizes of the deployed
 * functions.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import fc from 'fast-check';
import { MAX_PARAMETERS, queryNormalizer } from '../lambda-edge/normalize-cache-key/normalize';
import {
  functionCode,
  runInNjs,
  stepCounter,
  viewerRequestEvent,
} from '../test/lambda-edge/bundled-viewer-function';
import { COSTLY_QUERIES } from '../test/lambda-edge/normalize-cache-key/costly-queries';
import { marketSettings } from '../test/lambda-edge/normalize-cache-key/market-settings';
import { NOISE, PROPERTIES } from '../test/lambda-edge/normalize-cache-key/properties';
import { type Benchmark, type Figures, median, rounded } from './benchmark';
import { readQueries, tracesDirectory } from './traces';

const ROOT = join(__dirname, '..');
const ROUNDS = 61;
const PROPERTY_RUNS = 1_000_000;
const SEED = 1;

/** Our limit of a Lambda@Edge package, far below AWS's, because a small package starts faster. */
const MAX_PACKAGE_BYTES = 50 * 1024;

const PLANNED_NOISE = ['ref', 'utm_source', 'utm_medium', 'utm_campaign'];

/**
 * The yardstick: a normalizer as it is usually written. It decodes and encodes values, keeps only
 * one of several values, and cannot drop parameters by prefix.
 */
function plannedNormalizer(query: string): string {
  const sent = new URLSearchParams(query);
  const sorted = new URLSearchParams();
  for (const name of [...sent.keys()].sort()) sorted.append(name, sent.get(name) ?? '');
  for (const name of PLANNED_NOISE) sorted.delete(name);
  return sorted.toString();
}

/** The same with one object: the fastest normalizer with URLSearchParams that we know. */
function leanNormalizer(query: string): string {
  const parameters = new URLSearchParams(query);
  for (const name of PLANNED_NOISE) parameters.delete(name);
  parameters.sort();
  return parameters.toString();
}

/** The mean time of a call in nanoseconds. */
function timed(normalize: (query: string) => string, queries: readonly string[]): number {
  let length = 0;
  const start = performance.now();
  for (const query of queries) length += normalize(query).length;
  const elapsed = performance.now() - start;
  // The result is used, so that no call can be optimized away.
  if (Number.isNaN(length)) throw new Error('unreachable');
  return (elapsed * 1e6) / queries.length;
}

function measureSpeed(queries: readonly string[]): Figures {
  const ours = queryNormalizer(NOISE);
  const rounds = Array.from({ length: ROUNDS }, () => {
    // Interleaved, so that a slow moment of the machine affects all of them.
    const planned = timed(plannedNormalizer, queries);
    const own = timed(ours, queries);
    const lean = timed(leanNormalizer, queries);
    return { own, planned: planned / own, lean: lean / own };
  });
  return {
    normalizeSpeedup: rounded(median(rounds.map(({ planned }) => planned))),
    normalizeSpeedupOverLean: rounded(median(rounds.map(({ lean }) => lean))),
    normalizeNanoseconds: rounded(median(rounds.map(({ own }) => own))),
  };
}

/**
 * Runs the properties of the normalizer.
 *
 * @returns the number of runs
 * @throws Error with the counterexample if a property fails
 */
function runProperties(progress: (message: string) => void): number {
  const properties = Object.entries(PROPERTIES);
  const numRuns = Math.ceil(PROPERTY_RUNS / properties.length);
  return properties.reduce((runs, [name, property]) => {
    progress(`${numRuns} runs: ${name}`);
    const result = fc.check(property, { numRuns, seed: SEED });
    if (result.failed) throw new Error(fc.defaultReportMessage(result));
    return runs + result.numRuns;
  }, 0);
}

/** By the kind of query, for each parameter count: an event for the function. */
const costlyEvents = (count: number) =>
  Object.entries(COSTLY_QUERIES).map(
    ([kind, query]) =>
      [kind, viewerRequestEvent({ uri: '/api/x', query: `?${query(count)}` })] as const,
  );

/**
 * How the steps of the CloudFront Function grow from half as many parameters to the most that it
 * sorts. Twice is linear.
 */
function functionStepsGrowth(code: string): Record<string, number> {
  const steps = stepCounter(code);
  const half = new Map(costlyEvents(MAX_PARAMETERS / 2));
  // The counts of the first run are not those of the later ones, which are all the same.
  for (const event of half.values()) steps(event);
  return Object.fromEntries(
    costlyEvents(MAX_PARAMETERS).map(([kind, event]) => [
      kind,
      rounded(steps(event) / steps(half.get(kind))),
    ]),
  );
}

/**
 * The time of the CloudFront Function for the most parameters that it sorts, in njs: the fastest of
 * a few rounds, in microseconds. Empty if njs is not installed. AWS documents no limit in time; a
 * function is throttled when its "compute utilization" comes near 100.
 */
function functionMicroseconds(code: string): Record<string, number> {
  if (spawnSync('njs', ['-v']).error !== undefined) return {};
  const events = costlyEvents(MAX_PARAMETERS);
  const times = runInNjs(
    code,
    events.map(([, event]) => event),
    `events.forEach((event) => {
  let best = Infinity;
  for (let round = 0; round < 20; round++) {
    const start = Date.now();
    for (let i = 0; i < 50; i++) handler(event);
    best = Math.min(best, Date.now() - start);
  }
  console.log(JSON.stringify({ microseconds: best * 20 }));
});`,
  ).slice(events.length);
  return Object.fromEntries(events.map(([kind], i) => [kind, Number(times[i]?.microseconds)]));
}

function largestEdgePackageBytes(): number {
  const directory = join(ROOT, 'dist', 'handlers');
  const edge = readdirSync(join(ROOT, 'lambda-edge')).filter((name) =>
    readdirSync(directory).includes(name),
  );
  const sizes = edge.map((name) => {
    const bytes = readdirSync(join(directory, name)).reduce(
      (sum, file) => sum + statSync(join(directory, name, file)).size,
      0,
    );
    if (bytes > MAX_PACKAGE_BYTES)
      throw new Error(
        `The package of ${name} has ${bytes} bytes; at most ${MAX_PACKAGE_BYTES} are allowed.`,
      );
    return bytes;
  });
  return Math.max(...sizes);
}

export const edgeBenchmark: Benchmark = {
  name: 'edge',
  about:
    'the normalizer against URLSearchParams, its properties and growth, and sizes of functions',

  async run(progress): Promise<Figures> {
    const queries = readQueries(tracesDirectory(), (message) => console.error(message));
    progress(`${queries.length} queries, ${ROUNDS} rounds`);
    const code = functionCode('normalize-cache-key', marketSettings());
    return {
      ...measureSpeed(queries),
      propertyRuns: runProperties(progress),
      functionStepsGrowth: functionStepsGrowth(code),
      functionMicroseconds: functionMicroseconds(code),
      functionBytes: Buffer.byteLength(code),
      largestEdgePackageBytes: largestEdgePackageBytes(),
    };
  },
};
