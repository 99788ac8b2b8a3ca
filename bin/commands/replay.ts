import { existsSync } from 'node:fs';
import { SingleBar } from 'cli-progress';
import { isPathPattern, REGION_NAMES } from '../../lib/model/aws';
import { loadDeployment } from '../../lib/model/config';
import { describeValue, IsochroneError } from '../../lib/model/errors';
import { readAssembly } from '../../lib/tools/assembly';
import { formatReplay, plotRenderer, renderReplayHtml } from '../../lib/tools/review';
import {
  type AssumedCacheControl,
  isLogFormat,
  LOG_FORMATS,
  type LogFormatName,
  type ReplayObjectives,
  readDistribution,
  replay as replayLog,
} from '../../lib/tools/simulation';
import { print } from '../output';
import { type Command, formatUsage, readOptions } from './command';
import { EDGE_CODE, limitsOf, sizeOf, withEdgeCode } from './edge-code';
import { loadOptional } from './optional-package';
import { writeOutput } from './output-file';

/** The default of `isochrone synth`. */
const DEFAULT_DEPLOYMENT = 'deployments/market.yaml';

/** The exit code of a missed objective, so that a pipeline can distinguish it from an error. */
const OBJECTIVE_MISSED = 3;

export const replay: Command = {
  name: 'replay',
  usage: formatUsage({
    synopsis:
      'replay (--log FILE | --seeded N) [--assembly DIR] [--format F] [--capacity SIZE]… ' +
      "[--assume-cache-control 'PATTERN=VALUE']… [--deployment FILE] [--require-objectives] " +
      '[--origin-region R] [--distribution ID] [--cells] [--json FILE] [--html FILE] ' +
      '[--max-memory SIZE] [--max-minutes N]',
    about:
      'Replay an access log through a model of the distribution, and print what its caches ' +
      `would serve. ${EDGE_CODE.about}`,
    options: {
      '--log FILE': 'the log, plain or gzip; concatenate several logs with `cat`',
      '--seeded N': 'instead of a log, N generated requests of one hour of a market site',
      '--assembly DIR': 'the output folder of `cdk synth`; cdk.out by default',
      '--format F': `auto, the default, or ${LOG_FORMATS.join(', ')}`,
      '--assume-cache-control S':
        'the Cache-Control that origins send for a path pattern, such as ' +
        "'/static/*=max-age=3600'; repeatable",
      '--capacity SIZE':
        'the capacity of an edge location, such as 512MB, 4GB, or none for no limit; ' +
        'repeatable; 256MB, 4GB and none by default',
      '--deployment FILE': `the file with the objectives; ${DEFAULT_DEPLOYMENT} by default`,
      '--require-objectives': `exit with code ${OBJECTIVE_MISSED} if an objective is missed`,
      '--origin-region R': 'the region of the origins; read from the assembly by default',
      '--distribution ID': 'the logical id, if the assembly has several distributions',
      '--cells': 'print each behavior for each part of the world',
      '--json FILE, --html FILE': 'write the full report to a file',
      ...EDGE_CODE.memory,
      ...EDGE_CODE.minutes,
    },
    exitCodes:
      `0, ${OBJECTIVE_MISSED} if a required objective is missed, ${EDGE_CODE.exitCode}, ` +
      '1 for an error.',
  }),

  run: (args) => withEdgeCode(() => runReplay(args)),
};

async function runReplay(args: readonly string[]): Promise<number> {
  const options = readOptions(args, replay, {
    capacity: { type: 'string', multiple: true },
    log: { type: 'string' },
    seeded: { type: 'string' },
    assembly: { type: 'string', default: 'cdk.out' },
    format: { type: 'string', default: 'auto' },
    'assume-cache-control': { type: 'string', multiple: true, default: [] },
    deployment: { type: 'string' },
    'require-objectives': { type: 'boolean', default: false },
    'origin-region': { type: 'string' },
    distribution: { type: 'string' },
    cells: { type: 'boolean', default: false },
    json: { type: 'string' },
    html: { type: 'string' },
    'max-memory': { type: 'string' },
    'max-minutes': { type: 'string' },
  });
  if ((options.log === undefined) === (options.seeded === undefined)) {
    throw new IsochroneError(
      `isochrone: one of --log and --seeded is required.\n\n${replay.usage}`,
    );
  }
  const seeded = options.seeded === undefined ? undefined : requestCount(options.seeded);
  const format = logFormat(options.format);
  const limits = limitsOf(options);
  const capacities = options.capacity?.map(capacity);
  const cacheControl = options['assume-cache-control'].map(assumedCacheControl);
  const originRegion = knownRegion(options['origin-region']);
  const objectives = objectivesOf(options.deployment, options['require-objectives']);
  // Fails before a long replay, not after it.
  const page =
    options.html === undefined
      ? undefined
      : { file: options.html, draw: plotRenderer(loadOptional('replay --html', ['echarts'])) };
  const assembly = readAssembly(options.assembly);
  const distribution = readDistribution(assembly, options.distribution);

  const progress = progressBar();
  try {
    const report = await replayLog({
      assembly,
      distribution,
      log:
        options.log === undefined
          ? { name: SEEDED_NAME, trace: seededTrace(seeded ?? 0, distribution.domainNames[0]) }
          : { file: options.log, format },
      limits,
      onProgress: progress.update,
      cacheControl,
      ...(capacities && { capacities }),
      ...(originRegion && { originRegion }),
      ...(objectives && { objectives }),
    });
    progress.stop();
    print(formatReplay(report, { cells: options.cells }));
    if (options.json !== undefined)
      writeOutput('--json', options.json, `${JSON.stringify(report, null, 2)}\n`);
    if (page !== undefined)
      writeOutput('--html', page.file, await renderReplayHtml(report, page.draw));
    return options['require-objectives'] && report.objectives.some(({ met }) => !met)
      ? OBJECTIVE_MISSED
      : 0;
  } finally {
    progress.stop();
  }
}

/** More requests do not fit into the hour of the trace. */
const MAX_SEEDED = 10_000_000;

function requestCount(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count > 0 && count <= MAX_SEEDED) return count;
  throw invalidOption(
    'seeded',
    text,
    `a whole number of requests, 1 to ${MAX_SEEDED}`,
    'Try 20000.',
  );
}

const SEEDED_NAME = 'a seeded trace';

/**
 * The busiest hour, with the exchanges of London and New York open. The seed and the day are
 * arbitrary but fixed.
 */
function seededTrace(requests: number, host: string | undefined) {
  return {
    seed: 1,
    requests,
    from: new Date('2026-03-04T14:30:00Z'),
    hours: 1,
    ...(host && { host }),
  };
}

function logFormat(name: string): LogFormatName | undefined {
  if (name === 'auto') return undefined;
  if (isLogFormat(name)) return name;
  throw invalidOption(
    'format',
    name,
    `auto or one of ${LOG_FORMATS.join(', ')}`,
    'Parquet is not supported: convert it with UNLOAD in Athena.',
  );
}

function capacity(text: string): number {
  const bytes = text === 'none' ? Number.POSITIVE_INFINITY : sizeOf(text);
  if (bytes !== undefined) return bytes;
  throw invalidOption(
    'capacity',
    text,
    'a size such as 512MB or 4GB, or none',
    'Write the unit directly after the number.',
  );
}

/** Splits at the first equals sign, which no pattern contains. */
function assumedCacheControl(text: string): AssumedCacheControl {
  const end = text.indexOf('=');
  const [pattern, value] = [text.slice(0, end), text.slice(end + 1)];
  if (end < 0 || !isPathPattern(pattern) || value === '') {
    throw invalidOption(
      'assume-cache-control',
      text,
      'PATTERN=VALUE',
      "Write, for example, '/static/*=max-age=3600'.",
    );
  }
  return { pattern, value };
}

function knownRegion(name: string | undefined): string | undefined {
  if (name === undefined || REGION_NAMES.includes(name)) return name;
  throw invalidOption(
    'origin-region',
    name,
    'a region with a known location',
    `Use one of ${REGION_NAMES.join(', ')}.`,
  );
}

/** The objectives; undefined if there is no deployment file and the options require none. */
function objectivesOf(file: string | undefined, required: boolean): ReplayObjectives | undefined {
  if (file === undefined && !required && !existsSync(DEFAULT_DEPLOYMENT)) return undefined;
  return loadDeployment(file ?? DEFAULT_DEPLOYMENT).objectives;
}

function invalidOption(
  option: string,
  value: string,
  allowed: string,
  fix: string,
): IsochroneError {
  return new IsochroneError(
    `isochrone: --${option} must be ${allowed}, got ${describeValue(value)}.\n${fix}`,
  );
}

/** A progress bar on standard error; it prints only to a terminal. */
function progressBar(): { update: (read: number, all: number) => void; stop: () => void } {
  if (!process.stderr.isTTY) return { update: () => undefined, stop: () => undefined };
  const bar = new SingleBar({
    format: 'Replaying {bar} {percentage} % | {eta_formatted} left',
    hideCursor: true,
    clearOnComplete: true,
    stream: process.stderr,
  });
  let started = false;
  return {
    update(read, all) {
      if (!started) bar.start(all, read);
      started = true;
      bar.update(read);
    },
    stop() {
      if (started) bar.stop();
      started = false;
    },
  };
}
