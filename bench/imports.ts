/**
 * What importing one construct costs a fresh process, against what the CDK modules that it needs
 * cost by themselves.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { type Benchmark, type Figures, median, rounded } from './benchmark';

const ROOT = join(__dirname, '..');
const ENTRY = join(ROOT, 'dist', 'lib', 'index.js');
const CONSTRUCTS = ['RegionalCache', 'RegionNetwork', 'PostgresPrimary', 'EdgeDistribution'];
const ROUNDS = 15;

/** The milliseconds that a fresh process takes for some code, without its own start. */
function milliseconds(code: string): number {
  const timed = `const start = performance.now(); ${code}; console.log(performance.now() - start);`;
  return Number(execFileSync(process.execPath, ['-e', timed], { cwd: ROOT, encoding: 'utf8' }));
}

/** The CDK modules that our files ask for when a construct is first touched. */
function cdkModules(construct: string): string[] {
  const code = `
    const Module = require('node:module');
    const load = Module._load;
    const asked = new Set();
    Module._load = function (request, parent, ...rest) {
      if (/^(aws-cdk-lib|constructs)/.test(request) && !/node_modules/.test(parent?.filename ?? '')) asked.add(request);
      return load.call(this, request, parent, ...rest);
    };
    require(${JSON.stringify(ENTRY)})[${JSON.stringify(construct)}];
    console.log(JSON.stringify([...asked]));`;
  return JSON.parse(execFileSync(process.execPath, ['-e', code], { cwd: ROOT, encoding: 'utf8' }));
}

export const importsBenchmark: Benchmark = {
  name: 'imports',
  about:
    'milliseconds to require one construct of the built package, against the CDK modules it needs',

  async run(progress): Promise<Figures> {
    progress('Building the package.');
    execFileSync('npm', ['run', '-s', 'build'], { cwd: ROOT, stdio: 'inherit' });
    const figures: Record<string, number> = {};
    for (const construct of CONSTRUCTS) {
      const modules = cdkModules(construct);
      const ours: number[] = [];
      const cdk: number[] = [];
      // Alternately, so that both see the same machine.
      for (let round = 0; round < ROUNDS; round++) {
        ours.push(milliseconds(`require(${JSON.stringify(ENTRY)}).${construct}`));
        cdk.push(milliseconds(modules.map((name) => `require('${name}')`).join('; ')));
      }
      figures[`${construct}Milliseconds`] = rounded(median(ours));
      figures[`${construct}CdkMilliseconds`] = rounded(median(cdk));
      figures[`${construct}Ratio`] = rounded(median(ours) / median(cdk));
      progress(
        `${construct}: ${figures[`${construct}Ratio`]} times its ${modules.length} CDK modules`,
      );
    }
    return figures;
  },
};
