/**
 * The duration of a synthesis, and the share of its validation.
 *
 * The yardstick is the same command line with as many empty stacks. The difference is the time of
 * our constructs and their validation.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { loadDeployment } from '../lib/model/config/load';
import { readAssembly } from '../lib/tools/assembly/assembly';
import { type Benchmark, type Figures, median, rounded } from './benchmark';

const ROOT = join(__dirname, '..');
const ROUNDS = 3;

/** Runs one synthesis through CDK's command line, as a user does. */
function synthesize(
  app: string,
  context: readonly string[],
  environment: NodeJS.ProcessEnv = {},
): { seconds: number; stacks: number; stdout: string } {
  const output = mkdtempSync(join(tmpdir(), 'isochrone-bench-'));
  try {
    const start = performance.now();
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [
        require.resolve('aws-cdk/bin/cdk'),
        'synth',
        '--quiet',
        '--app',
        app,
        '--output',
        output,
        ...context,
      ],
      { cwd: ROOT, encoding: 'utf8', env: { ...process.env, ...environment } },
    );
    const seconds = (performance.now() - start) / 1000;
    if (status !== 0) throw new Error(`The synthesis failed:\n${stderr}`);
    return { seconds, stacks: readAssembly(output).stacks.length, stdout: `${stdout}${stderr}` };
  } finally {
    rmSync(output, { recursive: true, force: true });
  }
}

export const synthBenchmark: Benchmark = {
  name: 'synth',
  about: 'seconds to synthesize and validate deployments/market.yaml, against as many empty stacks',

  async run(progress): Promise<Figures> {
    const app = 'node --import tsx bin/app.ts';
    const regions = Object.keys(loadDeployment(join(ROOT, 'deployments', 'market.yaml')).regions);
    const whole: number[] = [];
    const bare: number[] = [];
    const shares: number[] = [];
    const perRegion: Record<string, number[]> = Object.fromEntries(
      regions.map((region) => [region, []]),
    );
    // Interleaved, so that a slow moment of the machine affects all of them.
    for (let round = 1; round <= ROUNDS; round++) {
      progress(`round ${round} of ${ROUNDS}`);
      const { seconds, stacks } = synthesize(app, []);
      whole.push(seconds);
      for (const region of regions)
        perRegion[region]?.push(synthesize(app, ['-c', `regions=${region}`]).seconds);
      bare.push(
        synthesize('node --import tsx bench/synth-bare.ts', ['-c', `stacks=${stacks}`]).seconds,
      );
      const timed = synthesize('node --import tsx bench/synth-timed.ts', []).stdout;
      shares.push(Number(/validationShare=([\d.]+)/.exec(timed)?.[1]));
    }
    return {
      wholeSeconds: rounded(median(whole)),
      perRegionSeconds: Object.fromEntries(
        Object.entries(perRegion).map(([region, seconds]) => [region, rounded(median(seconds))]),
      ),
      validationShare: rounded(median(shares)),
      bareSeconds: rounded(median(bare)),
      timesBare: rounded(median(whole) / median(bare)),
    };
  },
};
