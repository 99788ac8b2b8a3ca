/**
 * Packs the package as it would be published, lays it into somebody else's project and uses it there: types, CommonJS
 * entry points, bundled handlers and the command line must all be found in what was packed, not in this checkout.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readAssembly } from '../lib/assembly';

const ROOT = join(__dirname, '..');

/** The examples become the stranger's project: there, they import the package by its name. */
const EXAMPLES = join(ROOT, 'examples', 'embed-one-construct');

/**
 * Runs an example, with the rule packs over our constructs in it: they come with their acknowledgements, so the report of whoever embeds
 * one is not longer for it. What is CDK's own in the example, such as the stranger's VPC, is the stranger's to answer for.
 */
const VALIDATED = `
import { App, Resource, Stack } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';
import { rulePacks } from 'isochrone';

interface Pack { validateScope(scope: IConstruct): { violations: readonly { ruleName: string }[] } }

const synth = App.prototype.synth;
App.prototype.synth = function validated(this: App, ...options) {
  const ours = this.node.findAll().filter((construct) => Stack.isStack(construct.node.scope) && !Resource.isResource(construct));
  const violations = (rulePacks(this) as unknown as Pack[]).flatMap((pack) => ours.flatMap((construct) => pack.validateScope(construct).violations));
  if (ours.length === 0 || violations.length > 0) throw new Error('Findings: ' + violations.map(({ ruleName }) => ruleName).join(', '));
  return synth.apply(this, options);
};
require(process.argv[2]!);
`;

/** The runtime, which must bring no CDK. */
const RUNTIME = `
import { CACHE_STRATEGIES, type CacheStrategy } from 'isochrone/runtime';

const strategy: CacheStrategy = CACHE_STRATEGIES.api;
const brought = Object.keys(require.cache).filter((path) => path.includes('aws-cdk'));
if (strategy.ttlSeconds !== 300 || brought.length > 0) throw new Error('isochrone/runtime does not work, or brings CDK along.');
`;

const COMPILER = join(ROOT, 'node_modules', '.bin', 'tsc');
const COMPILER_OPTIONS = '--module nodenext --target es2022 --strict --skipLibCheck --types node --rootDir . --outDir out'.split(' ');

function run(command: string, args: readonly string[], cwd: string, environment: NodeJS.ProcessEnv = {}): string {
  return execFileSync(command, args, {
    cwd,
    env: { ...process.env, ...environment },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

/** Builds and packs the package into a folder, and installs it there. Returns the files of the archive. */
function install(directory: string): string[] {
  run('npm', ['run', '-s', 'build'], ROOT);
  run('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', directory], ROOT);
  const archive = readdirSync(directory).find((file) => file.endsWith('.tgz'));
  if (archive === undefined) throw new Error('npm pack made no archive.');
  const modules = join(directory, 'node_modules');
  mkdirSync(join(modules, 'isochrone'), { recursive: true });
  run('tar', ['-xzf', archive, '--strip-components=1', '-C', join(modules, 'isochrone')], directory);
  // Its dependencies come from here, so that the check needs no registry.
  for (const name of readdirSync(join(ROOT, 'node_modules'))) {
    if (name !== 'isochrone' && name !== '.bin') symlinkSync(join(ROOT, 'node_modules', name), join(modules, name));
  }
  return run('tar', ['-tzf', archive], directory).trim().split('\n');
}

function main(directory: string): void {
  const files = install(directory);
  const strays = files.filter((file) => /^package\/(test|tools|bench)\//.test(file) || file.endsWith('.map'));
  if (strays.length > 0) throw new Error(`The package carries what it should not: ${strays.slice(0, 5).join(', ')}`);

  const examples = readdirSync(EXAMPLES).filter((file) => file.endsWith('.ts'));
  for (const file of examples) {
    writeFileSync(join(directory, file), readFileSync(join(EXAMPLES, file), 'utf8').replace("'../../lib'", "'isochrone'"));
  }
  writeFileSync(join(directory, 'package.json'), '{ "name": "consumer", "private": true }');
  writeFileSync(join(directory, 'validated.ts'), VALIDATED);
  writeFileSync(join(directory, 'runtime.ts'), RUNTIME);
  run(COMPILER, [...COMPILER_OPTIONS, ...examples, 'validated.ts', 'runtime.ts'], directory);

  run('node', ['out/runtime.js'], directory);
  for (const file of examples) {
    const outdir = join(directory, `cdk.out-${file}`);
    run('node', ['out/validated.js', join(directory, 'out', file.replace(/\.ts$/, '.js'))], directory, { CDK_OUTDIR: outdir });
    const made = readAssembly(outdir).stacks.flatMap(({ template }) => Object.keys(template.Resources));
    if (made.length === 0) throw new Error(`${file} makes nothing.`);
  }
  const usage = run('node', [join('node_modules', 'isochrone', 'dist', 'bin', 'isochrone.js'), '--help'], directory);
  if (!usage.includes('summary')) throw new Error('The command line of the package does not answer.');
  console.log(`${files.length} files; ${examples.length} examples compile, synthesize and pass the rule packs; the command line answers.`);
}

const directory = mkdtempSync(join(tmpdir(), 'isochrone-package-'));
try {
  main(directory);
} finally {
  rmSync(directory, { recursive: true, force: true });
}
