import { spawnSync } from 'node:child_process';
import { performance } from 'node:perf_hooks';
import { IsochroneError } from '../../lib/model/errors';
import { readAssembly } from '../../lib/tools/assembly';
import { formatSummary, summarize } from '../../lib/tools/review';
import { print } from '../output';
import { type Command, formatUsage, readOptions } from './command';

export const synth: Command = {
  name: 'synth',
  usage: formatUsage({
    synopsis: 'synth [--deployment FILE] [--regions A,B] [--output DIR]',
    about: 'Synthesize and validate a deployment, and print its stacks and the next commands.',
    options: {
      '--deployment FILE': 'the deployment file; deployments/market.yaml by default',
      '--regions A,B': 'the regions to synthesize; all by default',
      '--output DIR': 'the output folder of the assembly; cdk.out by default',
    },
  }),

  async run(args) {
    const options = readOptions(args, synth, {
      deployment: { type: 'string' },
      regions: { type: 'string' },
      output: { type: 'string', default: 'cdk.out' },
    });
    const context = [
      ...(options.deployment === undefined ? [] : ['-c', `deployment=${options.deployment}`]),
      ...(options.regions === undefined ? [] : ['-c', `regions=${options.regions}`]),
    ];
    const start = performance.now();
    const { status } = spawnSync(
      process.execPath,
      [cdk(), 'synth', '--quiet', '--output', options.output, ...context],
      {
        stdio: ['ignore', 'ignore', 'inherit'],
      },
    );
    if (status !== 0) return status ?? 1;
    const seconds = (performance.now() - start) / 1000;

    const summaries = summarize(readAssembly(options.output));
    print(formatSummary(summaries));
    print(
      `Synthesized and validated in ${seconds.toFixed(1)} s, without credentials, ` +
        `into ${options.output}.\n`,
    );
    print(
      nextCommands(
        summaries.map(({ path }) => path),
        context,
      ),
    );
    return 0;
  },
};

/**
 * The CDK command line of this project. It applies cdk.json, so the summary shows exactly what
 * would be deployed.
 */
function cdk(): string {
  try {
    return require.resolve('aws-cdk/bin/cdk');
  } catch {
    throw new IsochroneError(
      'The CDK command line is not installed here.\n' +
        'Install it with `npm install --save-dev aws-cdk`.',
    );
  }
}

function nextCommands(paths: readonly string[], context: readonly string[]): string {
  const stage = paths[0]?.split('/')[0] ?? '';
  const region = paths[0]?.split('/').slice(0, -1).join('/') ?? '';
  const suffix = context.length > 0 ? ` ${context.join(' ')}` : '';
  const commands = [
    [`npx cdk diff '${stage}/**'${suffix}`, 'show the changes'],
    [`npx cdk deploy '${stage}/**'${suffix}`, 'deploy all stacks in order, always the first time'],
    [`npx cdk deploy '${region}/*' --exclusively${suffix}`, 'later, deploy one region alone'],
  ] as const;
  const width = Math.max(...commands.map(([command]) => command.length));
  const lines = commands.map(([command, purpose]) => `  ${command.padEnd(width)}   # ${purpose}`);
  return `Next, with credentials:\n${lines.join('\n')}`;
}
