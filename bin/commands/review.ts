import { styleText } from 'node:util';
import { loadDeployment } from '../../lib/model/config';
import { IsochroneError } from '../../lib/model/errors';
import { type Assembly, readAssembly } from '../../lib/tools/assembly';
import {
  type ChangeReview,
  formatChangeMarkdown,
  formatChangeText,
  parseAcknowledgement,
  replayedTraffic,
  reviewChange,
} from '../../lib/tools/review';
import { type Command, formatUsage, readOptions } from './command';
import { EDGE_CODE, limitsOf, withEdgeCode } from './edge-code';
import { writeOutput } from './output-file';

export const review: Command = {
  name: 'review',
  usage: formatUsage({
    synopsis:
      'review BASE HEAD [--acknowledge PATH=REASON]… [--log FILE] [--deployment FILE] ' +
      '[--distribution ID] [--max-memory SIZE] [--max-minutes N] [--markdown FILE] [--json FILE]',
    about:
      'Compare two synthesized assemblies: changed and replaced resources, data at risk, ' +
      `wider permissions. With --log: ${EDGE_CODE.about}`,
    options: {
      'BASE, HEAD': 'the output folders of `cdk synth` before and after the change',
      '--acknowledge PATH=REASON':
        'accept the loss of a stateful resource, or of all below the path; repeatable',
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
    log: { type: 'string' },
    deployment: { type: 'string' },
    distribution: { type: 'string' },
    'max-memory': { type: 'string' },
    'max-minutes': { type: 'string' },
    markdown: { type: 'string' },
    json: { type: 'string' },
  });
  const acknowledgements = options.acknowledge.map(parseAcknowledgement);
  const [before, after] = [readAssembly(base), readAssembly(head)];
  const found: ChangeReview = {
    ...reviewChange(before, after, acknowledgements),
    ...(options.log !== undefined && {
      traffic: await traffic(before, after, { ...options, log: options.log }),
    }),
  };
  const colors = process.stdout.isTTY && process.env.NO_COLOR === undefined;
  console.log(formatChangeText(found, colors ? styleText : undefined));
  if (options.markdown !== undefined)
    writeOutput('--markdown', options.markdown, `${formatChangeMarkdown(found)}\n`);
  if (options.json !== undefined)
    writeOutput('--json', options.json, `${JSON.stringify(found, null, 2)}\n`);
  return found.needsDecision ? NEEDS_DECISION : 0;
}

/** The exit code if a stateful resource would be lost without an acknowledgement. */
const NEEDS_DECISION = 4;

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
