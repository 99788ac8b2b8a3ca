/**
 * isochrone-cdk in somebody else's project: its examples compile, synthesize and pass the rule
 * packs, and the command line answers. An optional package is needed only by what uses it.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { readAssembly } from '../lib/tools/assembly';
import { Consumer, manifestOf, optionalPeers, ROOT } from './consumer';

/** The examples become the consumer's sources: there, they import the package by its name. */
const EXAMPLES = join(ROOT, 'examples', 'embed-one-construct');

/**
 * Runs an example with the rule packs over our constructs in it: they bring their acknowledgements,
 * so the consumer's report is not longer for them. What is CDK's own in the example, such as the
 * consumer's VPC, is the consumer's to answer for.
 */
const VALIDATED = `
import { App, Resource, Stack } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';
import { rulePacks } from 'isochrone-cdk';

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

/** Every name is there for import and require; one construct loads nothing that it does not need. */
const LIGHT = `
const cdk = require('isochrone-cdk');
if (typeof cdk.RegionalCache !== 'function') throw new Error('There is no RegionalCache.');
const loaded = Object.keys(require.cache).filter((path) => /node_modules.(cdk-nag|cdk-monitoring-constructs|zod|yaml).|isochrone-cdk.dist.lib.rooms.constructs-(edge|database|service)./.test(path));
if (loaded.length > 0) throw new Error('One construct loads ' + loaded.slice(0, 3).join(', '));
const names = Object.keys(cdk).sort().join();
// Messages name the class of a construct.
const renamed = Object.entries(cdk).filter(([name, value]) => typeof value === 'function' && value.name !== name);
if (renamed.length > 0) throw new Error('The build renames ' + renamed.map(([name]) => name).join(', '));
import('isochrone-cdk').then((module) => {
  const imported = Object.keys(module).filter((name) => !['__esModule', 'default', 'module.exports'].includes(name)).sort().join();
  if (imported !== names || module.RegionalCache !== cdk.RegionalCache) throw new Error('import and require find other names.');
});
`;

interface Needy {
  readonly args: readonly string[];
  /** The package that the command misses at first. */
  readonly missing: string;
  /** What it says with the package; undefined where that would ask AWS. */
  readonly afterwards?: RegExp;
}

const NEEDY: readonly Needy[] = [
  {
    args: ['advise', '--database', 'postgresql://x@127.0.0.1:1/x'],
    missing: 'pg',
    afterwards: /cannot be reached/,
  },
  {
    args: ['migrate', '--database', 'postgresql://x@127.0.0.1:1/x', '--folder', 'sql'],
    missing: 'pg',
    afterwards: /refused the connection/,
  },
  {
    args: ['replay', '--seeded', '100', '--assembly', 'cdk.out', '--html', 'page.html'],
    missing: 'echarts',
    afterwards: /100 requests/,
  },
  { args: ['cleanup-edge', '--prefix', 'x'], missing: '@aws-sdk/client-lambda' },
];

export function checkCdkPackage(directory: string): void {
  const consumer = new Consumer(directory);
  const files = consumer.install(ROOT);
  const strays = files.filter(
    (file) =>
      /^package\/(test|scripts|bench|lib|dist\/lib\/runtime)\//.test(file) || file.endsWith('.map'),
  );
  if (strays.length > 0) throw new Error(`The package carries ${strays.slice(0, 5).join(', ')}.`);
  const unasked = NEEDY.map(({ missing }) => missing).filter((name) =>
    consumer.installed().includes(name),
  );
  if (unasked.length > 0) throw new Error(`npm would install ${unasked.join(', ')} unasked.`);

  const examples = readdirSync(EXAMPLES).filter((file) => file.endsWith('.ts'));
  for (const file of examples) {
    const text = readFileSync(join(EXAMPLES, file), 'utf8');
    consumer.write(file, text.replace("'../../lib'", "'isochrone-cdk'"));
  }
  consumer.write('validated.ts', VALIDATED);
  consumer.write('light.cjs', LIGHT);
  consumer.add('@types/node');
  consumer.compile([...examples, 'validated.ts'], ['--skipLibCheck']);
  consumer.node(['light.cjs']);
  checkBundle(consumer);
  for (const file of examples) {
    const outdir = join(directory, `cdk.out-${file}`);
    const example = join(directory, 'out', file.replace(/\.ts$/, '.js'));
    consumer.node(['out/validated.js', example], { CDK_OUTDIR: outdir });
    const made = readAssembly(outdir).stacks.flatMap(({ template }) =>
      Object.keys(template.Resources),
    );
    if (made.length === 0) throw new Error(`${file} makes nothing.`);
  }
  checkCommands(consumer);
  console.log(
    `isochrone-cdk: ${files.length} files; ${examples.length} examples compile, synthesize and pass the rule packs; one construct loads its own room; the command line answers, and names what it needs.`,
  );
}

/** A bundler finds the rooms behind the getters, and the bundle works. */
function checkBundle({ directory }: Consumer): void {
  const outfile = join(directory, 'bundle.cjs');
  buildSync({
    stdin: {
      contents: "import { RegionalCache } from 'isochrone-cdk';\nmodule.exports = RegionalCache;",
      resolveDir: directory,
    },
    bundle: true,
    platform: 'node',
    external: ['aws-cdk-lib', 'constructs'],
    outfile,
    logLevel: 'error',
  });
  if (typeof require(outfile) !== 'function') throw new Error('The bundle has no RegionalCache.');
}

/** What the command line said, and its exit code. */
function isochrone({ directory }: Consumer, ...args: readonly string[]) {
  const program = join('node_modules', 'isochrone-cdk', 'dist', 'bin', 'isochrone.js');
  const { stdout, stderr, status } = spawnSync('node', [program, ...args], {
    cwd: directory,
    encoding: 'utf8',
  });
  return { said: stdout + stderr, status };
}

function expectSaid(what: string, said: string, expected: RegExp | string): void {
  const isSaid = typeof expected === 'string' ? said.includes(expected) : expected.test(said);
  if (!isSaid) throw new Error(`${what} does not say ${expected}:\n${said}`);
}

function checkNotices(consumer: Consumer): void {
  const folder = join(consumer.directory, 'node_modules', 'isochrone-cdk', 'dist');
  const notices = readFileSync(join(folder, 'THIRD-PARTY-NOTICES'), 'utf8');
  for (const text of ['\nlibpg-query ', '\npg ', 'PostgreSQL Global Development Group'])
    if (!notices.includes(text)) throw new Error(`No notice of ${text.trim()} in the package.`);
}

function checkCommands(consumer: Consumer): void {
  checkNotices(consumer);
  expectSaid('--help', isochrone(consumer, '--help').said, 'summary');
  consumer.add('aws-cdk');
  consumer.write('cdk.json', '{ "app": "node out/edge.js" }');
  for (const args of [['synth'], ['summary', '--assembly', 'cdk.out']]) {
    const { said, status } = isochrone(consumer, ...args);
    if (status !== 0) throw new Error(`isochrone ${args.join(' ')} fails:\n${said}`);
  }
  mkdirSync(join(consumer.directory, 'sql'));
  consumer.write(join('sql', '0001-none.sql'), 'SELECT 1;');
  for (const { args, missing } of NEEDY) {
    const { said, status } = isochrone(consumer, ...args);
    expectSaid(args.join(' '), said, `needs ${missing}, which is not installed here.`);
    expectSaid(args.join(' '), said, `npm install --save-dev ${missing}`);
    if (status !== 1 || /^\s+at /m.test(said))
      throw new Error(`${args.join(' ')} does not fail as it should:\n${said}`);
  }
  for (const name of optionalPeers(manifestOf(ROOT))) consumer.add(name);
  for (const { args, afterwards } of NEEDY) {
    if (afterwards) expectSaid(args.join(' '), isochrone(consumer, ...args).said, afterwards);
  }
  if (!existsSync(join(consumer.directory, 'page.html')))
    throw new Error('replay --html writes no page.');
}
