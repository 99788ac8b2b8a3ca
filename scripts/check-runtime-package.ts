/** isochrone-runtime in somebody else's application: small, alone, and whole. */
import { join } from 'node:path';
import { Consumer, manifestOf, optionalPeers, ROOT } from './consumer';

const SOURCE = join(ROOT, 'lib', 'runtime');
const MANIFEST = manifestOf(SOURCE);
const ENTRIES = ['', '/http', '/invalidation', '/postgres', '/semantic'].map(
  (entry) => `isochrone-runtime${entry}`,
);

/** What an installation may take: the runtime itself, and what it cannot work without. */
const MAX_BYTES = 15_000_000;

/** What belongs to the other package. */
const CDK = ['aws-cdk-lib', 'constructs', 'cdk-nag', 'cdk-monitoring-constructs'];

/** In CommonJS. Where an optional peer is missing, what needs it says so; nothing else does. */
const PROGRAM = `
import { CACHE_STRATEGIES, IsochroneError, readSettings, TieredCache, ValkeyServer } from 'isochrone-runtime';
import type { CacheStrategy, RuntimeSettings } from 'isochrone-runtime';
import { expressResponseCache, ResponseCache } from 'isochrone-runtime/http';
import { CloudFrontInvalidator } from 'isochrone-runtime/invalidation';
import { ReplicaPool } from 'isochrone-runtime/postgres';
import { SemanticCache, TfIdfEmbedder } from 'isochrone-runtime/semantic';

const brings: string[] = ${JSON.stringify([
  ...Object.keys(MANIFEST.dependencies ?? {}),
  ...optionalPeers(MANIFEST),
])};
const strategy: CacheStrategy = CACHE_STRATEGIES.api;
const hosts: RuntimeSettings['cache']['host'][] = ['127.0.0.1'];
const loaded = Object.keys(require.cache).filter((path) => brings.some((name) => path.includes('/node_modules/' + name + '/')));
if (strategy.ttlSeconds !== 300 || loaded.length > 0) throw new Error('Importing the runtime loads ' + loaded.join(', '));

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
  const cache = new TieredCache();
  if ((await cache.getOrLoad('a', () => 1)) !== 1) throw new Error('The cache does not load.');
  await cache.close();
  await new ValkeyServer({ host: hosts[0]! }).close();
  new ResponseCache({ store: cache });
  new SemanticCache({ embedder: new TfIdfEmbedder() });
  if (typeof expressResponseCache !== 'function') throw new Error('There is no middleware.');
  if (process.argv[2] !== 'without') return;
  await missing('pg', () => new ReplicaPool({ writer: { host: hosts[0]! } }));
  await missing('@aws-sdk/client-ssm', () => readSettings({ parameterName: '/x', region: 'eu-west-1' }));
  const edge = new CloudFrontInvalidator({ distributionId: 'E1', attempts: 1 });
  const [outcome] = await edge.invalidate(['/a'], 'e');
  if (!outcome?.error?.includes('npm install @aws-sdk/client-cloudfront')) throw new Error('Nothing says what invalidation needs.');
}

void main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
`;

/** As a module: the same names and objects as for `require`. */
const MODULE = `
import { createRequire } from 'node:module';
${ENTRIES.map((entry, i) => `import * as entry${i} from '${entry}';`).join('\n')}

const require = createRequire(import.meta.url);
const names = (entry: object) => Object.keys(entry).filter((name) => !['__esModule', 'default', 'module.exports'].includes(name)).sort().join();
const entries: [string, object][] = [${ENTRIES.map((entry, i) => `['${entry}', entry${i}]`).join(', ')}];
for (const [path, entry] of entries) {
  const required: Record<string, unknown> = require(path);
  if (names(entry) !== names(required)) throw new Error(path + ': import and require find other names.');
  for (const [name, value] of Object.entries(entry)) {
    if (name !== 'default' && name !== 'module.exports' && value !== required[name]) throw new Error(name + ' is another one for import than for require.');
  }
}
`;

export function checkRuntimePackage(directory: string): void {
  const consumer = new Consumer(directory);
  const files = consumer.install(SOURCE);
  const strays = files.filter(
    (file) => !/^package\/(dist\/|docs\/|package\.json|README\.md|LICENSE)/.test(file),
  );
  if (strays.length > 0) throw new Error(`The runtime's package carries ${strays.join(', ')}.`);
  for (const file of ['README.md', 'LICENSE', 'docs/cache.md']) {
    if (!files.includes(`package/${file}`))
      throw new Error(`The runtime's package has no ${file}.`);
  }
  const bytes = consumer.installedBytes();
  if (bytes > MAX_BYTES)
    throw new Error(`The runtime installs ${bytes} bytes, more than ${MAX_BYTES}.`);

  // Types are checked in full, with no optional peer and no types of one.
  consumer.write('program.ts', PROGRAM);
  consumer.write('module.mts', MODULE);
  consumer.add('@types/node');
  consumer.compile(['program.ts', 'module.mts'], ['--skipLibCheck', 'false']);
  consumer.node(['out/program.js', 'without']);
  consumer.node(['out/module.mjs']);

  for (const peer of ['express', 'fastify', ...optionalPeers(MANIFEST)]) consumer.add(peer);
  const brought = consumer.installed().filter((name) => CDK.includes(name));
  if (brought.length > 0) throw new Error(`The runtime brings ${brought.join(', ')}.`);
  for (const name of ['@types/pg', '@types/express']) consumer.add(name);
  consumer.compile(['program.ts', 'module.mts'], ['--skipLibCheck', 'true']);
  consumer.node(['out/program.js']);
  consumer.node(['out/module.mjs']);
  console.log(
    `isochrone-runtime: ${files.length} files, ${(bytes / 1e6).toFixed(1)} MB installed; five entries, the same for import and require; types compile without optional peers.`,
  );
}
