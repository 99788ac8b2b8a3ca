/**
 * Packs the package as it would be published, lays it into somebody else's project and uses it
 * there: types, CommonJS entry points, bundled handlers and the command line must all be found in
 * what was packed, not in this checkout. That project has no optional peer at first: whoever wants
 * constructs needs none, and whoever wants more is told which.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { readAssembly } from '../lib/tools/assembly/assembly';
import { peerDependenciesMeta } from '../package.json';

const ROOT = join(__dirname, '..');

/** The examples become the stranger's project: there, they import the package by its name. */
const EXAMPLES = join(ROOT, 'examples', 'embed-one-construct');

/**
 * Runs an example, with the rule packs over our constructs in it: they come with their
 * acknowledgements, so the report of whoever embeds one is not longer for it. What is CDK's own in
 * the example, such as the stranger's VPC, is the stranger's to answer for.
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

/** What brings a client, or CDK: importing the runtime loads none of it. */
const CLIENTS = [
  'aws-cdk',
  'iovalkey',
  'ioredis',
  'cockatiel',
  'lru-cache',
  'msgpackr',
  '/pg/',
  '@aws-sdk',
  'fastify',
  'express',
];

/**
 * The runtime in CommonJS. At first it has no optional peer: it says what to install where
 * something is used that needs one.
 */
const RUNTIME = `
import { CACHE_STRATEGIES, CloudFrontInvalidator, IsochroneError, ReplicaPool, readSettings, TieredCache, ValkeyServer } from 'isochrone/runtime';
import type { CacheStrategy, RuntimeSettings } from 'isochrone/runtime';

const clients: string[] = ${JSON.stringify(CLIENTS)};
const strategy: CacheStrategy = CACHE_STRATEGIES.api;
const hosts: RuntimeSettings['cache']['host'][] = ['127.0.0.1'];
const brought = Object.keys(require.cache).filter((path) => clients.some((name) => path.includes('/node_modules/' + name + '/')));
if (strategy.ttlSeconds !== 300 || brought.length > 0) throw new Error('isochrone/runtime does not work, or brings along ' + brought.join(', '));

async function missing(name: string, use: () => unknown): Promise<void> {
  try {
    await use();
  } catch (error) {
    if (error instanceof IsochroneError && error.message.includes('needs ' + name) && error.message.includes('npm install ' + name)) return;
    throw error;
  }
  throw new Error('Nothing says that ' + name + ' is missing.');
}

async function main(): Promise<void> {
  await missing('lru-cache', () => new TieredCache());
  await missing('iovalkey', () => new ValkeyServer({ host: hosts[0]! }));
  await missing('pg', () => new ReplicaPool({ writer: { host: hosts[0]! } }));
  await missing('@aws-sdk/client-ssm', () => readSettings({ parameterName: '/x', region: 'eu-west-1' }));
  const edge = new CloudFrontInvalidator({ distributionId: 'E1', attempts: 1 });
  const [outcome] = await edge.invalidate(['/a'], 'e');
  if (!outcome?.error?.includes('npm install @aws-sdk/client-cloudfront')) throw new Error('Nothing says what invalidation needs.');
}

if (process.argv[2] === 'without') {
  void main().catch((error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  });
}
`;

/**
 * The runtime in a module, with its packages: the same classes as those that `require` finds, and a
 * cache that works.
 */
const RUNTIME_MODULE = `
import { createRequire } from 'node:module';
import { IsochroneError, TieredCache, type TieredCacheOptions } from 'isochrone/runtime';
import * as everything from 'isochrone/runtime';

const required: typeof everything = createRequire(import.meta.url)('isochrone/runtime');
const names = (entry: object) => Object.keys(entry).filter((name) => !['__esModule', 'default', 'module.exports'].includes(name)).sort().join();
if (names(everything) !== names(required)) throw new Error('import and require find other names.');
for (const [name, value] of Object.entries(everything)) {
  if (value !== (required as Record<string, unknown>)[name]) throw new Error(name + ' is another one for import than for require.');
}
const options: TieredCacheOptions = { memoryEntries: 1 };
const cache = new TieredCache(options);
const value = await cache.getOrLoad('a', () => 1);
await cache.close();
if (value !== 1 || !(cache instanceof required.TieredCache) || !(new required.IsochroneError('x') instanceof IsochroneError)) {
  throw new Error('The classes are not the same.');
}
`;

/** The entry points, each of which must work where no optional peer is installed. */
const ENTRIES = ['isochrone', 'isochrone/runtime'];

/**
 * Commands for which something is missing at first, what they then say, and what they say with it;
 * nothing where that would ask AWS.
 */
const NEEDY: readonly {
  readonly args: readonly string[];
  readonly missing: string;
  readonly afterwards?: RegExp;
}[] = [
  {
    args: ['advise', '--database', 'postgresql://x@127.0.0.1:1/x'],
    missing: 'pg',
    afterwards: /cannot be reached/,
  },
  {
    args: ['migrate', '--database', 'postgresql://x@127.0.0.1:1/x', '--folder', 'sql'],
    missing: 'pg',
    afterwards: /does not let us in/,
  },
  {
    args: ['replay', '--seeded', '100', '--assembly', 'cdk.out', '--html', 'page.html'],
    missing: 'echarts',
    afterwards: /100 requests/,
  },
  { args: ['cleanup-edge', '--prefix', 'x'], missing: '@aws-sdk/client-lambda' },
];

const OPTIONAL = Object.keys(peerDependenciesMeta);

const COMPILER = join(ROOT, 'node_modules', '.bin', 'tsc');
const COMPILER_OPTIONS =
  '--module nodenext --target es2022 --strict --skipLibCheck --types node --rootDir . --outDir out'.split(
    ' ',
  );

function run(
  command: string,
  args: readonly string[],
  cwd: string,
  environment: NodeJS.ProcessEnv = {},
): string {
  return execFileSync(command, args, {
    cwd,
    env: { ...process.env, ...environment },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

/**
 * The packages of this checkout, of which the other project gets its own: so the check needs no
 * registry.
 */
function installed(): string[] {
  return readdirSync(join(ROOT, 'node_modules'))
    .filter((name) => name !== 'isochrone' && !name.startsWith('.'))
    .flatMap((name) =>
      name.startsWith('@')
        ? readdirSync(join(ROOT, 'node_modules', name)).map((inner) => `${name}/${inner}`)
        : [name],
    );
}

function link(name: string, directory: string): void {
  const path = join(directory, 'node_modules', name);
  mkdirSync(dirname(path), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules', name), path);
}

/** The command line of the package, which may fail: what it said, and its exit code. */
function isochrone(
  directory: string,
  ...args: readonly string[]
): { readonly said: string; readonly status: number | null } {
  const program = join('node_modules', 'isochrone', 'dist', 'bin', 'isochrone.js');
  const { stdout, stderr, status } = spawnSync('node', [program, ...args], {
    cwd: directory,
    encoding: 'utf8',
  });
  return { said: stdout + stderr, status };
}

function isFound(from: NodeJS.Require, name: string): boolean {
  try {
    from.resolve(name);
    return true;
  } catch {
    return false;
  }
}

function expectSaid(what: string, said: string, expected: RegExp | string): void {
  if (typeof expected === 'string' ? !said.includes(expected) : !expected.test(said))
    throw new Error(`${what} does not say ${expected}:\n${said}`);
}

/**
 * Builds and packs the package into a folder, and installs it there. Returns the files of the
 * archive.
 */
function install(directory: string): string[] {
  run('npm', ['run', '-s', 'build'], ROOT);
  run('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', directory], ROOT);
  const archive = readdirSync(directory).find((file) => file.endsWith('.tgz'));
  if (archive === undefined) throw new Error('npm pack made no archive.');
  const modules = join(directory, 'node_modules');
  mkdirSync(join(modules, 'isochrone'), { recursive: true });
  run(
    'tar',
    ['-xzf', archive, '--strip-components=1', '-C', join(modules, 'isochrone')],
    directory,
  );
  for (const name of installed()) if (!OPTIONAL.includes(name)) link(name, directory);
  return run('tar', ['-tzf', archive], directory).trim().split('\n');
}

function main(directory: string): void {
  const files = install(directory);
  const strays = files.filter(
    (file) => /^package\/(test|tools|bench)\//.test(file) || file.endsWith('.map'),
  );
  if (strays.length > 0)
    throw new Error(`The package carries what it should not: ${strays.slice(0, 5).join(', ')}`);

  const examples = readdirSync(EXAMPLES).filter((file) => file.endsWith('.ts'));
  for (const file of examples) {
    writeFileSync(
      join(directory, file),
      readFileSync(join(EXAMPLES, file), 'utf8').replace("'../../lib'", "'isochrone'"),
    );
  }
  writeFileSync(join(directory, 'package.json'), '{ "name": "consumer", "private": true }');
  writeFileSync(join(directory, 'validated.ts'), VALIDATED);
  writeFileSync(join(directory, 'runtime.ts'), RUNTIME);
  writeFileSync(join(directory, 'runtime-module.mts'), RUNTIME_MODULE);
  run(
    COMPILER,
    [...COMPILER_OPTIONS, ...examples, 'validated.ts', 'runtime.ts', 'runtime-module.mts'],
    directory,
  );

  const from = createRequire(join(directory, 'node_modules', 'isochrone', 'package.json'));
  const found = OPTIONAL.filter((name) => isFound(from, name));
  if (found.length > 0)
    throw new Error(
      `The project has ${found.join(', ')}, so nothing is proven about a project without.`,
    );
  for (const entry of ENTRIES) {
    run('node', ['-e', `require(${JSON.stringify(entry)})`], directory);
    run('node', ['--input-type=module', '-e', `import ${JSON.stringify(entry)}`], directory);
  }
  run('node', ['out/runtime.js', 'without'], directory);
  for (const file of examples) {
    const outdir = join(directory, `cdk.out-${file}`);
    run(
      'node',
      ['out/validated.js', join(directory, 'out', file.replace(/\.ts$/, '.js'))],
      directory,
      { CDK_OUTDIR: outdir },
    );
    const made = readAssembly(outdir).stacks.flatMap(({ template }) =>
      Object.keys(template.Resources),
    );
    if (made.length === 0) throw new Error(`${file} makes nothing.`);
  }
  checkCommands(directory);
  // With the optional peers, which are there by now: still none is loaded before it is used.
  run('node', ['out/runtime.js'], directory);
  run('node', ['out/runtime-module.mjs'], directory);
  console.log(
    `${files.length} files; ${examples.length} examples compile, synthesize and pass the rule packs; the runtime is one for import and require and loads no client unasked; the command line answers, and names what it needs.`,
  );
}

function checkCommands(directory: string): void {
  expectSaid('--help', isochrone(directory, '--help').said, 'summary');
  writeFileSync(join(directory, 'cdk.json'), '{ "app": "node out/edge.js" }');
  for (const args of [['synth'], ['summary', '--assembly', 'cdk.out']]) {
    const { said, status } = isochrone(directory, ...args);
    if (status !== 0)
      throw new Error(`isochrone ${args.join(' ')} fails without optional packages:\n${said}`);
  }
  mkdirSync(join(directory, 'sql'));
  writeFileSync(join(directory, 'sql', '0001-none.sql'), 'SELECT 1;');
  for (const { args, missing } of NEEDY) {
    const { said, status } = isochrone(directory, ...args);
    expectSaid(args.join(' '), said, `needs ${missing}, which is not installed here.`);
    expectSaid(args.join(' '), said, `npm install --save-dev ${missing}`);
    if (status !== 1 || /^\s+at /m.test(said))
      throw new Error(`${args.join(' ')} does not fail as it should:\n${said}`);
  }
  for (const name of OPTIONAL) link(name, directory);
  for (const { args, afterwards } of NEEDY) {
    if (afterwards) expectSaid(args.join(' '), isochrone(directory, ...args).said, afterwards);
  }
  if (!existsSync(join(directory, 'page.html'))) throw new Error('replay --html writes no page.');
}

const directory = mkdtempSync(join(tmpdir(), 'isochrone-package-'));
try {
  main(directory);
} finally {
  rmSync(directory, { recursive: true, force: true });
}
