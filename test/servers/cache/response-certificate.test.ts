/** Clients that show who they are by the certificate of their TLS connection. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, request, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import express from 'express';
import { expressResponseCache, ResponseCache } from '../../../lib/runtime/responses';
import { TieredCache } from '../../../lib/runtime/tiered-cache';

let folder: string;
const servers: Server[] = [];
const stores: TieredCache[] = [];

/** A certificate of its own, which the server accepts without an authority. */
function certificate(name: string) {
  const [key, cert] = [join(folder, `${name}.key`), join(folder, `${name}.pem`)];
  const { status, stderr } = spawnSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
      ...['-days', '2', '-subj', `/CN=${name}`, '-keyout', key, '-out', cert],
    ],
    { encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(`openssl failed.\n${stderr}`);
  return { key: readFileSync(key), cert: readFileSync(cert) };
}

async function serve(ignore: readonly string[]): Promise<number> {
  const store = new TieredCache();
  stores.push(store);
  const responses = new ResponseCache({ store, debug: true, credentials: { ignore } });
  const app = express();
  app.get('/x', expressResponseCache(responses, { ttlSeconds: 60 }), (request, response) => {
    const { subject } = (request.socket as import('node:tls').TLSSocket).getPeerCertificate() ?? {};
    response.send(`for ${subject?.CN ?? 'anybody'}`);
  });
  const server = createServer(
    { ...certificate('localhost'), requestCert: true, rejectUnauthorized: false },
    app,
  );
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

function ask(port: number, identity: object = {}) {
  return new Promise<(string | undefined)[]>((resolve, reject) => {
    const options = { port, path: '/x', rejectUnauthorized: false, agent: false, ...identity };
    request({ host: '127.0.0.1', ...options }, (response) => {
      let body = '';
      response.on('data', (chunk) => {
        body += chunk;
      });
      response.on('end', () => {
        const { 'x-cache': state, 'x-cache-reason': reason } = response.headers;
        resolve([body, String(state), reason?.toString()]);
      });
    })
      .on('error', reject)
      .end();
  });
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'isochrone-certificates-'));
});

afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  await Promise.all(stores.map((store) => store.close()));
});

test('a client with a certificate gets its own response, and others share one', async () => {
  const port = await serve([]);
  expect(await ask(port)).toEqual(['for anybody', 'MISS', undefined]);
  for (const name of ['ann', 'bob'])
    expect(await ask(port, certificate(name))).toEqual([
      `for ${name}`,
      'BYPASS',
      'client-certificate',
    ]);
  expect(await ask(port)).toEqual(['for anybody', 'HIT', undefined]);
}, 30_000);

test('the certificate of a proxy can be ignored', async () => {
  const port = await serve(['tls-client-certificate']);
  const proxy = certificate('proxy');
  expect((await ask(port, proxy))[1]).toBe('MISS');
  expect((await ask(port, proxy))[1]).toBe('HIT');
}, 30_000);
