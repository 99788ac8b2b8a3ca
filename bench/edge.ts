/**
 * The cost of the edge: the speed of the normalizer against URLSearchParams, a million runs of its
 * properties, and the sizes of the deployed functions.
 */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { App, Stack } from 'aws-cdk-lib';
import type * as cloudfront from 'aws-cdk-lib/aws-cloudfront';
import fc from 'fast-check';
import { queryNormalizer } from '../lambda-edge/normalize-cache-key/normalize';
import { ViewerFunction } from '../lib/constructs/edge/functions/viewer-function';
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

function functionBytes(): number {
  const made = new ViewerFunction(new Stack(new App(), 'Bench'), 'Function', {
    handler: 'normalize-cache-key',
    description: 'Measured',
    settings: marketSettings(),
  });
  return Buffer.byteLength(
    (made.function.node.defaultChild as cloudfront.CfnFunction).functionCode,
  );
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
  about: 'the normalizer against URLSearchParams, its properties, and sizes of functions',

  async run(progress): Promise<Figures> {
    const queries = readQueries(tracesDirectory(), (message) => console.error(message));
    progress(`${queries.length} queries, ${ROUNDS} rounds`);
    return {
      ...measureSpeed(queries),
      propertyRuns: runProperties(progress),
      functionBytes: functionBytes(),
      largestEdgePackageBytes: largestEdgePackageBytes(),
    };
  },
};
