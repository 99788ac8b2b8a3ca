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
import { type Command, readOptions } from './command';
import { writeOutput } from './output-file';

/** A stateful resource would be lost, and nobody has said that it is meant. */
const NEEDS_DECISION = 4;

export const review: Command = {
  name: 'review',
  usage: `  review BASE HEAD [--acknowledge PATH=REASON]… [--log FILE] [--deployment FILE] [--distribution ID] [--markdown FILE] [--json FILE]
      Show what changes between two synthesized assemblies: resources changed and replaced, data at risk, permissions widened.
      BASE, HEAD                  the folders that \`cdk synth\` wrote before and after the change
      --acknowledge PATH=REASON   the loss of this stateful resource, or of all below this path, is meant; repeatable
      --log FILE                  replay this access log over both: hit rate and origin load before and after
      --deployment FILE           with --log: whose objectives to judge by; none by default
      --distribution ID           with --log: its logical id, where the assemblies have several
      --markdown FILE             write it as a comment for a pull request, too
      --json FILE                 write it as data, too
      Exit code: 0 nothing needs a decision, 4 a stateful resource is replaced or removed and not acknowledged, 1 an error.`,

  async run(args) {
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
    const colours = process.stdout.isTTY && process.env.NO_COLOR === undefined;
    console.log(formatChangeText(found, colours ? styleText : undefined));
    if (options.markdown !== undefined)
      writeOutput('--markdown', options.markdown, `${formatChangeMarkdown(found)}\n`);
    if (options.json !== undefined)
      writeOutput('--json', options.json, `${JSON.stringify(found, null, 2)}\n`);
    return found.needsDecision ? NEEDS_DECISION : 0;
  },
};

function traffic(
  before: Assembly,
  after: Assembly,
  options: { log: string; deployment?: string; distribution?: string },
) {
  return replayedTraffic(before, after, {
    file: options.log,
    distribution: options.distribution,
    objectives:
      options.deployment === undefined ? undefined : loadDeployment(options.deployment).objectives,
  });
}
