/**
 * Runs http-tests/cache-tests, a public test suite for HTTP caches (https://cache-tests.fyi),
 * against the emulator. The suite is not part of this project: clone
 * https://github.com/http-tests/cache-tests, run `npm install` there, and pass the folder.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';
import { readAssembly } from '../lib/tools/assembly/assembly';
import { readDistribution } from '../lib/tools/simulation/distribution/read';
import { emulator } from '../lib/tools/simulation/emulator/emulator';
import { emulatorServer, originClient } from '../lib/tools/simulation/emulator/http';
import { edgeFunctionRunner } from '../lib/tools/simulation/functions/runner';
import { forwardAllAssembly } from '../test/tools/simulation/forward-all';
import type { Benchmark, Figures } from './benchmark';

/**
 * How many of the 160 required tests other caches pass, from the results that the suite publishes.
 * `passThroughPassed` is a proxy that only forwards requests, measured here. The suite publishes no
 * results of CloudFront.
 */
const OTHERS = {
  passThroughPassed: 97,
  nginxPassed: 115,
  fastlyPassed: 115,
  haproxyPassed: 126,
  varnishPassed: 138,
  apachePassed: 141,
};

interface SuiteTest {
  readonly id: string;
  readonly kind?: string;
  readonly browser_only?: boolean;
}

async function requiredTests(suite: string): Promise<SuiteTest[]> {
  const { default: groups } = (await import(
    pathToFileURL(join(suite, 'tests', 'index.mjs')).href
  )) as {
    default: readonly { readonly tests: readonly SuiteTest[] }[];
  };
  return groups
    .flatMap(({ tests }) => tests)
    .filter(({ kind = 'required', browser_only }) => kind === 'required' && !browser_only);
}

/** The results by test id: true, or the reason of the failure. */
async function runSuite(suite: string): Promise<Record<string, unknown>> {
  const port = await freePort();
  const pidfile = join(mkdtempSync(join(tmpdir(), 'isochrone-cache-tests-')), 'pid');
  const origin = start(suite, 'test-engine/server/server.mjs', {
    npm_config_port: String(port),
    npm_config_protocol: 'http',
    npm_config_pidfile: pidfile,
  });
  const edge = emulatorServer(edgeOf(new URL(`http://127.0.0.1:${port}`)), 'NRT', (sentence) =>
    console.error(sentence),
  );
  try {
    // The server prints its first line when it listens.
    await Promise.race([
      once(origin.stdout, 'data'),
      once(origin, 'exit').then(() => Promise.reject(new Error(`The server of ${suite} ended.`))),
    ]);
    edge.listen(0, '127.0.0.1');
    await once(edge, 'listening');
    const base = `http://127.0.0.1:${(edge.address() as AddressInfo).port}`;
    const client = start(suite, 'test-engine/cli.mjs', {
      npm_config_base: base,
      npm_config_id: '',
      npm_package_config_id: '',
    });
    return JSON.parse(await text(client.stdout)) as Record<string, unknown>;
  } finally {
    origin.kill();
    edge.close();
    edge.closeAllConnections();
  }
}

function edgeOf(origin: URL) {
  const distribution = readDistribution(readAssembly(forwardAllAssembly()));
  const place = { pop: 'NRT', regional: 'ap-northeast-1' };
  return emulator(distribution, edgeFunctionRunner(), {
    place,
    viewerProtocol: 'https',
    fetchOrigin: originClient(new Map([['*', origin]])),
  });
}

function start(suite: string, script: string, environment: Record<string, string>) {
  const env = { ...process.env, ...environment };
  return spawn(process.execPath, ['--no-warnings', script], {
    cwd: suite,
    env,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

export const cacheTestsBenchmark: Benchmark = {
  name: 'cache-tests',
  about:
    'the emulator against http-tests/cache-tests; ' +
    'needs a checkout of it, named with --cache-tests or ISOCHRONE_CACHE_TESTS',

  async run(progress): Promise<Figures> {
    const suite = process.env.ISOCHRONE_CACHE_TESTS ?? '';
    if (!existsSync(join(suite, 'test-engine', 'cli.mjs'))) {
      throw new Error(
        'Name a checkout of https://github.com/http-tests/cache-tests, with its packages ' +
          'installed, with --cache-tests DIR or ISOCHRONE_CACHE_TESTS.',
      );
    }
    const required = await requiredTests(suite);
    progress(`${required.length} required tests: about a minute`);
    const results = await runSuite(suite);
    const failed = required.filter(({ id }) => results[id] !== true);
    for (const { id } of failed) progress(`${id}: ${JSON.stringify(results[id])}`);
    return {
      passed: required.length - failed.length,
      required: required.length,
      ...OTHERS,
      failed: Object.fromEntries(failed.map(({ id }) => [id, 1])),
    };
  },
};
