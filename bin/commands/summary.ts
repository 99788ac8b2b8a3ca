import { readAssembly } from '../../lib/tools/assembly';
import { deploymentDiagram, formatSummary, summarize } from '../../lib/tools/review';
import { type Command, readOptions } from './command';

export const summary: Command = {
  name: 'summary',
  usage: `  summary [--assembly DIR] [--json | --diagram]
      Print what an assembly makes, stack by stack, as a table, as JSON or as a Mermaid diagram.
      --assembly DIR   the folder that \`cdk synth\` wrote; cdk.out by default`,

  async run(args) {
    const options = readOptions(args, summary, {
      assembly: { type: 'string', default: 'cdk.out' },
      json: { type: 'boolean', default: false },
      diagram: { type: 'boolean', default: false },
    });
    const assembly = readAssembly(options.assembly);
    if (options.diagram) console.log(deploymentDiagram(assembly));
    else if (options.json) console.log(JSON.stringify(summarize(assembly), null, 2));
    else console.log(formatSummary(summarize(assembly)));
    return 0;
  },
};
