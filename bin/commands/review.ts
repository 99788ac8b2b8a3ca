import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { styleText } from 'node:util';
import { loadDeployment } from '../../lib/model/config';
import { IsochroneError } from '../../lib/model/errors';
import { type Assembly, readAssembly, unpackArchive } from '../../lib/tools/assembly';
import {
  type ChangeReview,
  formatChangeMarkdown,
  formatChangeText,
  parseAcknowledgement,
  parseReviews,
  replayedTraffic,
  reviewChange,
  reviewedAcknowledgements,
} from '../../lib/tools/review';
import { printColored } from '../output';
import { type Command, formatUsage, readOptions } from './command';
import { EDGE_CODE, limitsOf, withEdgeCode } from './edge-code';
import { writeOutput } from './output-file';

export const review: Command = {
  name: 'review',
  usage: formatUsage({
    synopsis:
      'review BASE HEAD [--acknowledge PATH=REASON]… [--reviews FILE] [--author-counts] ' +
      '[--log FILE] [--deployment FILE] [--distribution ID] [--max-memory SIZE] ' +
      '[--max-minutes N] [--markdown FILE] [--json FILE]',
    about:
      'Compare two synthesized assemblies: changed and replaced resources, data at risk, ' +
      `wider permissions. With --log: ${EDGE_CODE.about}`,
    options: {
      'BASE, HEAD':
        'the output folders of `cdk synth` before and after the change, or zip archives of them',
      '--acknowledge PATH=REASON':
        'accept the loss of a stateful resource, or of all below the path; repeatable',
      '--reviews FILE': 'also accept the losses that the reviews of a pull request acknowledge',
      '--author-counts': 'with --reviews: the author of the pull request may acknowledge too',
      '--log FILE': 'replay an access log over both, and compare hit rate and origin load',
      '--deployment FILE': 'with --log: the deployment file with the objectives; none by default',
      '--distribution ID': 'with --log: the logical id, if an assembly has several distributions',
      ...EDGE_CODE.memory,
      ...EDGE_CODE.minutes,
      '--markdown FILE': 'also write the review as a comment for a pull request',
      '--json FILE': 'also write the review as JSON',
    },
    exitCodes:
      '0 if nothing needs a decision, 4 if a stateful resource is replaced or removed without ' +
      `an acknowledgement, ${EDGE_CODE.exitCode}, 1 for an error.`,
  }),

  run: (args) => withEdgeCode(() => runReview(args)),
};

async function runReview(args: readonly string[]): Promise<number> {
  const [base, head, ...rest] = args;
  if (base === undefined || head === undefined || base.startsWith('-') || head.startsWith('-')) {
    throw new IsochroneError(
      `isochrone: review needs two folders, BASE and HEAD, before its options.\n\n${review.usage}`,
    );
  }
  const options = readOptions(rest, review, {
    acknowledge: { type: 'string', multiple: true, default: [] },
    reviews: { type: 'string' },
    'author-counts': { type: 'boolean', default: false },
    log: { type: 'string' },
    deployment: { type: 'string' },
    distribution: { type: 'string' },
    'max-memory': { type: 'string' },
    'max-minutes': { type: 'string' },
    markdown: { type: 'string' },
    json: { type: 'string' },
  });
  const given = options.acknowledge.map(parseAcknowledgement);
  const pull = options.reviews === undefined ? undefined : readReviews(options.reviews);
  const reviewed =
    pull && reviewedAcknowledgements(pull, { authorCounts: options['author-counts'] });
  const found = await withAssemblies(
    [base, head],
    async ([before, after]): Promise<ChangeReview> => ({
      ...reviewChange(before, after, [...given, ...(reviewed?.acknowledgements ?? [])]),
      // A folder that an archive was unpacked into means nothing to the reader.
      base,
      head,
      ...(pull && { commit: pull.commit, ignoredAcknowledgements: reviewed?.ignored }),
      ...(options.log !== undefined && {
        traffic: await traffic(before, after, { ...options, log: options.log }),
      }),
    }),
  );
  const colors = process.stdout.isTTY && process.env.NO_COLOR === undefined;
  printColored(formatChangeText(found, colors ? styleText : undefined));
  if (options.markdown !== undefined)
    writeOutput('--markdown', options.markdown, `${formatChangeMarkdown(found)}\n`);
  if (options.json !== undefined)
    writeOutput('--json', options.json, `${JSON.stringify(found, null, 2)}\n`);
  return found.needsDecision ? NEEDS_DECISION : 0;
}

/** The exit code if a stateful resource would be lost without an acknowledgement. */
const NEEDS_DECISION = 4;

/** Reads assemblies, and unpacks those that are archives for as long as the work takes. */
async function withAssemblies<T>(
  [base, head]: readonly [string, string],
  work: (assemblies: readonly [Assembly, Assembly]) => Promise<T>,
): Promise<T> {
  const unpacked: string[] = [];
  const assembly = (path: string): Assembly => {
    if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) return readAssembly(path);
    const folder = mkdtempSync(join(tmpdir(), 'isochrone-review-'));
    unpacked.push(folder);
    unpackArchive(path, folder);
    return readAssembly(folder);
  };
  try {
    return await work([assembly(base), assembly(head)]);
  } finally {
    for (const folder of unpacked) rmSync(folder, { recursive: true, force: true });
  }
}

function readReviews(file: string) {
  try {
    return parseReviews(readFileSync(file, 'utf8'), file);
  } catch (error) {
    if (error instanceof IsochroneError) throw error;
    throw new IsochroneError(
      `${file}: the reviews cannot be read (${(error as Error).message}).\n` +
        'Name an existing file with `--reviews`.',
    );
  }
}

function traffic(
  before: Assembly,
  after: Assembly,
  options: {
    log: string;
    deployment?: string;
    distribution?: string;
    'max-memory'?: string;
    'max-minutes'?: string;
  },
) {
  return replayedTraffic(before, after, {
    file: options.log,
    distribution: options.distribution,
    limits: limitsOf(options),
    objectives:
      options.deployment === undefined ? undefined : loadDeployment(options.deployment).objectives,
  });
}
