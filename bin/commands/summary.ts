import { readAssembly } from '../../lib/tools/assembly';
import { deploymentDiagram, formatSummary, summarize } from '../../lib/tools/review';
import { print, printJson } from '../output';
import { type Command, formatUsage, readOptions } from './command';

export const summary: Command = {
  name: 'summary',
  usage: formatUsage({
    synopsis: 'summary [--assembly DIR] [--json | --diagram]',
    about: 'Print the contents of an assembly, stack by stack.',
    options: {
      '--assembly DIR': 'the output folder of `cdk synth`; cdk.out by default',
      '--json': 'print JSON instead of a table',
      '--diagram': 'print a Mermaid diagram instead of a table',
    },
  }),

  async run(args) {
    const options = readOptions(args, summary, {
      assembly: { type: 'string', default: 'cdk.out' },
      json: { type: 'boolean', default: false },
      diagram: { type: 'boolean', default: false },
    });
    const assembly = readAssembly(options.assembly);
    if (options.diagram) print(deploymentDiagram(assembly));
    else if (options.json) printJson(summarize(assembly));
    else print(formatSummary(summarize(assembly)));
    return 0;
  },
};
