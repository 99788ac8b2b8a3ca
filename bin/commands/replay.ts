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
  logOf,
  openLog,
  type ReplayObjectives,
  readDistribution,
  replay as replayLog,
  seededTrace,
} from '../../lib/tools/simulation';
import { type Command, readOptions } from './command';
import { loadOptional } from './optional-package';
import { writeOutput } from './output-file';

/** As of `isochrone synth`. */
const DEFAULT_DEPLOYMENT = 'deployments/market.yaml';

/** The exit code of a missed objective: a pipeline can tell it from an error. */
const OBJECTIVE_MISSED = 3;

const SEEDED_NAME = 'a seeded trace';

/** As many as an hour has room for, and a terminal patience. */
const MAX_SEEDED = 10_000_000;

export const replay: Command = {
  name: 'replay',
  usage: `  replay (--log FILE | --seeded N) [--assembly DIR] [--format F] [--assume-cache-control 'PATTERN=VALUE']… [--capacity SIZE]…
         [--deployment FILE] [--require-objectives] [--origin-region R] [--distribution ID] [--cells] [--json FILE] [--html FILE]
      Send the requests of an access log through a model of the distribution, and print what its caches would serve.
      --log FILE                the log, plain or gzip; several are put together with \`cat\`
      --seeded N                in place of a log: N requests that a seed makes up, of one hour of a market site
      --assembly DIR            the folder that \`cdk synth\` wrote; cdk.out by default
      --format F                auto, the default, or ${LOG_FORMATS.join(', ')}
      --assume-cache-control S  that origins send this Cache-Control for these paths, such as '/static/*=max-age=3600'
      --capacity SIZE           what an edge location holds, such as 512MB, 4GB or none; 256MB, 4GB and none by default
      --deployment FILE         whose objectives to judge by; ${DEFAULT_DEPLOYMENT} by default
      --require-objectives      end with exit code ${OBJECTIVE_MISSED} if one is missed
      --origin-region R         where the origins are; by default as the assembly says
      --distribution ID         its logical id, where the assembly has several
      --cells                   print each behaviour in each part of the world apart
      --json FILE, --html FILE  write the whole report there`,

  async run(args) {
    const options = readOptions(args, replay, {
      log: { type: 'string' },
      seeded: { type: 'string' },
      assembly: { type: 'string', default: 'cdk.out' },
      format: { type: 'string', default: 'auto' },
      'assume-cache-control': { type: 'string', multiple: true, default: [] },
      capacity: { type: 'string', multiple: true },
      deployment: { type: 'string' },
      'require-objectives': { type: 'boolean', default: false },
      'origin-region': { type: 'string' },
      distribution: { type: 'string' },
      cells: { type: 'boolean', default: false },
      json: { type: 'string' },
      html: { type: 'string' },
    });
    if ((options.log === undefined) === (options.seeded === undefined)) {
      throw new IsochroneError(
        `isochrone: one of --log and --seeded is required.\n\n${replay.usage}`,
      );
    }
    const seeded = options.seeded === undefined ? undefined : requestCount(options.seeded);
    const format = logFormat(options.format);
    const capacities = options.capacity?.map(capacity);
    const cacheControl = options['assume-cache-control'].map(assumedCacheControl);
    const originRegion = knownRegion(options['origin-region']);
    const objectives = objectivesOf(options.deployment, options['require-objectives']);
    // Before the work of an hour, not after it.
    const page =
      options.html === undefined
        ? undefined
        : { file: options.html, draw: plotRenderer(loadOptional('replay --html', ['echarts'])) };
    const assembly = readAssembly(options.assembly);
    const distribution = readDistribution(assembly, options.distribution);

    const progress = progressBar();
    try {
      const host = distribution.domainNames[0];
      const log =
        options.log === undefined
          ? await logOf(seededLines(seeded ?? 0, host), SEEDED_NAME)
          : await openLog(options.log, { format, onProgress: progress.update });
      const report = await replayLog({
        assembly,
        distribution,
        log,
        file: options.log ?? SEEDED_NAME,
        cacheControl,
        ...(capacities && { capacities }),
        ...(originRegion && { originRegion }),
        ...(objectives && { objectives }),
      });
      progress.stop();
      console.log(formatReplay(report, { cells: options.cells }));
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
  },
};

function requestCount(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count > 0 && count <= MAX_SEEDED) return count;
  throw refused('seeded', text, `a whole number of requests, 1 to ${MAX_SEEDED}`, 'Try 20000.');
}

/**
 * London and New York are open: the busiest hour. The seed and the day are any, and always the
 * same.
 */
async function* seededLines(requests: number, host: string | undefined): AsyncGenerator<string> {
  yield* seededTrace({
    seed: 1,
    requests,
    from: new Date('2026-03-04T14:30:00Z'),
    hours: 1,
    ...(host && { host }),
  });
}

function logFormat(name: string): LogFormatName | undefined {
  if (name === 'auto') return undefined;
  if (isLogFormat(name)) return name;
  throw refused(
    'format',
    name,
    `auto or one of ${LOG_FORMATS.join(', ')}`,
    'Parquet is not read: convert it with UNLOAD in Athena.',
  );
}

const UNITS: Readonly<Record<string, number>> = { KB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 };

function capacity(text: string): number {
  if (text === 'none') return Number.POSITIVE_INFINITY;
  const match = /^(\d+(?:\.\d+)?)(KB|MB|GB|TB)$/.exec(text);
  if (!match || Number(match[1]) === 0)
    throw refused(
      'capacity',
      text,
      'a size such as 512MB or 4GB, or none',
      'Give the unit without a blank before it.',
    );
  return Number(match[1]) * (UNITS[match[2] ?? ''] ?? 1);
}

/** No pattern has an equals sign in it. */
function assumedCacheControl(text: string): AssumedCacheControl {
  const end = text.indexOf('=');
  const [pattern, value] = [text.slice(0, end), text.slice(end + 1)];
  if (end < 0 || !isPathPattern(pattern) || value === '') {
    throw refused(
      'assume-cache-control',
      text,
      'PATTERN=VALUE',
      "Write, for instance, '/static/*=max-age=3600'.",
    );
  }
  return { pattern, value };
}

function knownRegion(name: string | undefined): string | undefined {
  if (name === undefined || REGION_NAMES.includes(name)) return name;
  throw refused(
    'origin-region',
    name,
    'a region whose place is known',
    `Use one of ${REGION_NAMES.join(', ')}.`,
  );
}

/** Without a deployment file there is nothing to judge by, unless somebody insists. */
function objectivesOf(file: string | undefined, required: boolean): ReplayObjectives | undefined {
  if (file === undefined && !required && !existsSync(DEFAULT_DEPLOYMENT)) return undefined;
  return loadDeployment(file ?? DEFAULT_DEPLOYMENT).objectives;
}

function refused(option: string, value: string, allowed: string, fix: string): IsochroneError {
  return new IsochroneError(
    `isochrone: --${option} must be ${allowed}, got ${describeValue(value)}.\n${fix}`,
  );
}

/** On standard error, and only where somebody looks. */
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
