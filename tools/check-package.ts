/**
 * Packs the package as it would be published, lays it into somebody else's project and uses it there: types, CommonJS
 * entry points, bundled handlers and the command line must all be found in what was packed, not in this checkout.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ROOT = join(__dirname, '..');

/** A stranger's stack with one construct that needs a bundled handler, and the runtime, which must bring no CDK. */
const CONSUMER = `
import { App, Stack } from 'aws-cdk-lib';
import { Certificate } from 'aws-cdk-lib/aws-certificatemanager';
import { CacheTier, EdgeDistribution } from 'isochrone';
import { CACHE_STRATEGIES, type CacheStrategy } from 'isochrone/runtime';

const strategy: CacheStrategy = CACHE_STRATEGIES.api;
const stack = new Stack(new App({ outdir: process.argv[2] }), 'Consumer', { env: { region: 'us-east-1' } });
new EdgeDistribution(stack, 'Edge', {
  domainNames: ['www.example.com'],
  certificate: Certificate.fromCertificateArn(stack, 'Certificate', 'arn:aws:acm:us-east-1:111122223333:certificate/1'),
  readOriginName: 'origin.example.com',
  defaultTier: CacheTier.standard(),
});
const { template } = App.of(stack)!.synth().getStackByName('Consumer');
const types = Object.values(template.Resources as Record<string, { Type: string }>).map(({ Type }) => Type);
if (!types.includes('AWS::CloudFront::Distribution') || strategy.ttlSeconds !== 300) throw new Error('The package does not work.');
`;

function run(command: string, args: readonly string[], cwd: string): string {
  return execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}

function main(directory: string): void {
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
  writeFileSync(join(directory, 'package.json'), '{ "name": "consumer", "private": true }');
  writeFileSync(join(directory, 'consumer.ts'), CONSUMER);
  const compiler = join(ROOT, 'node_modules', '.bin', 'tsc');
  const options = [
    '--module',
    'nodenext',
    '--target',
    'es2022',
    '--strict',
    '--skipLibCheck',
    '--types',
    'node',
    '--rootDir',
    '.',
    '--outDir',
    'out',
  ];
  run(compiler, [...options, 'consumer.ts'], directory);
  run('node', ['out/consumer.js', join(directory, 'cdk.out')], directory);
  const usage = run('node', [join('node_modules', 'isochrone', 'dist', 'bin', 'isochrone.js'), '--help'], directory);
  if (!usage.includes('summary')) throw new Error('The command line of the package does not answer.');
  const runtime = run(
    'node',
    ['-e', "require('isochrone/runtime'); console.log(Object.keys(require.cache).filter((path) => path.includes('aws-cdk')).length)"],
    directory,
  );
  if (runtime.trim() !== '0') throw new Error('isochrone/runtime brings CDK along.');
  const files = run('tar', ['-tzf', archive], directory).trim().split('\n');
  const strays = files.filter((file) => /(^|\/)(test|tools|bench)\//.test(file.replace(/^package\//, '')) || file.endsWith('.map'));
  if (strays.length > 0) throw new Error(`The package carries what it should not: ${strays.slice(0, 5).join(', ')}`);
  console.log(`${files.length} files; a consumer compiles, synthesizes and runs the command line.`);
}

const directory = mkdtempSync(join(tmpdir(), 'isochrone-package-'));
try {
  main(directory);
} finally {
  rmSync(directory, { recursive: true, force: true });
}
