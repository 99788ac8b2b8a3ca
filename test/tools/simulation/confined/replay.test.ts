/** Replays in their own process, with edge functions that mean harm. */

import { once } from 'node:events';
import { mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Assembly } from '../../../../lib/tools/assembly/assembly';
import { EdgeCodeStopped } from '../../../../lib/tools/simulation/confined/confinement';
import {
  type ConfinedReplayOptions,
  replay,
} from '../../../../lib/tools/simulation/confined/replay';
import { openLog } from '../../../../lib/tools/simulation/logs/reader';
import { replay as replayHere } from '../../../../lib/tools/simulation/replay/replay';
import {
  CONTINUE,
  distributionOf,
  escaped,
  foreignAssembly,
  foreignViewerFunction,
} from './edge-code';

const directory = mkdtempSync(join(tmpdir(), 'isochrone-confined-'));
const LOG = join(directory, 'some.log');
const REQUESTS = 50;
writeFileSync(
  LOG,
  Array.from({ length: REQUESTS }, (_, i) => {
    const time = `01/Jan/2024:00:00:${String(i).padStart(2, '0')} +0000`;
    return `192.0.2.1 - - [${time}] "GET /${i % 5} HTTP/1.1" 200 10 "-" "-"\n`;
  }).join(''),
);

function run(assembly: Assembly, options: Partial<ConfinedReplayOptions> = {}) {
  return replay({
    assembly,
    distribution: distributionOf(assembly),
    log: { file: LOG },
    ...options,
  });
}

const lambda = (body: string) => foreignAssembly(`exports.handler = async (event) => { ${body} };`);

async function stoppedBy(assembly: Assembly, options: Partial<ConfinedReplayOptions> = {}) {
  const error: unknown = await run(assembly, options).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(EdgeCodeStopped);
  return (error as Error).message;
}

test('the report is the one of a replay in this process', async () => {
  for (const assembly of [
    lambda(`event.Records[0].cf.request.uri = '/one'; ${CONTINUE}`),
    lambda('throw new Error("a failure")'),
    foreignViewerFunction('function handler(event) { return event.request; }'),
  ]) {
    const distribution = distributionOf(assembly);
    const log = await openLog(LOG);
    const expected = await replayHere({ assembly, distribution, log, file: LOG });
    expect(await run(assembly)).toEqual(JSON.parse(JSON.stringify(expected)));
  }
});

describe('a function that blocks ends the replay, not the tool', () => {
  // At the same time, because each takes the time of its limit.
  test.concurrent.each<[string, Assembly]>([
    ['an infinite loop', lambda('for (;;);')],
    ['an infinite loop while it is loaded', foreignAssembly('for (;;);')],
    ['a loop of promises', lambda('for (;;) await null;')],
    ['a regular expression', lambda(`/^(a+)+$/.test('a'.repeat(40) + '!'); ${CONTINUE}`)],
    ['an infinite loop after a call', lambda(`setImmediate(() => { for (;;); }); ${CONTINUE}`)],
    ['a CloudFront Function', foreignViewerFunction('function handler() { for (;;); }')],
  ])(
    '%s',
    async (_what, assembly) => {
      expect(await stoppedBy(assembly)).toBe(
        `The edge code of ${assembly.directory} was stopped: it blocked the process for 6 s.\n` +
          'The edge function that was called last is Foreign. There is no result.',
      );
    },
    30_000,
  );
});

/** Lets what a call left behind fail before the replay ends. */
const LATER = 'await new Promise((done) => setTimeout(done, 20));';

describe('a function that fails outside a call ends the replay with its name', () => {
  test.each<[string, string, RegExp]>([
    ['a rejection', 'Promise.reject(new Error("lost"));', /function Foreign .*: lost\.\n/],
    [
      'a timer',
      'setTimeout(() => { throw new Error("late"); }, 1);',
      /function Foreign .*: late\./,
    ],
    ['a microtask', 'queueMicrotask(() => { throw new Error("soon"); });', /Foreign .*: soon\./],
    ['a rejection without a reason', 'Promise.reject();', /function Foreign failed.*: undefined/],
    [
      'an error whose message throws',
      'Promise.reject({ get message() { throw 1; } });',
      /function Foreign failed outside a call: an error without a message/,
    ],
    [
      'escapes for a terminal',
      'Promise.reject(new Error("\\u001b]0;title\\u0007\\r\\nred"));',
      /: \\u\{001B\}\]0;title\\u\{0007\}\\u\{000D\}\\u\{000A\}red\.\n/,
    ],
  ])('%s', async (_what, statement, says) => {
    expect(await stoppedBy(lambda(`${statement} ${LATER} ${CONTINUE}`))).toMatch(says);
  });

  test('an event listener that throws', async () => {
    const code = `
      const gzip = require('zlib').createGzip();
      gzip.on('data', () => { throw new Error('heard'); });
      gzip.end('x');
      exports.handler = async (event) => { ${LATER} ${CONTINUE} };`;
    expect(await stoppedBy(foreignAssembly(code))).toMatch(/function Foreign failed .*: heard/);
  });
});

describe('a limit', () => {
  const limits = { memoryBytes: 200e6 };

  test.each<[string, string]>([
    ['the heap', 'for (;;) kept.push(new Array(1e5).fill(Math.random()))'],
    ['buffers', 'for (;;) kept.push(Buffer.alloc(1e7, 1))'],
  ])(
    'of memory counts %s',
    async (_what, body) => {
      const assembly = foreignAssembly(
        `const kept = []; exports.handler = async () => { ${body} };`,
      );
      expect(await stoppedBy(assembly, { limits })).toMatch(
        /it needed more than 200 MB of memory, which `--max-memory` changes\.\n.*Foreign/,
      );
    },
    30_000,
  );

  test('of time ends a replay that goes on', async () => {
    const slow = lambda(`await new Promise((done) => setTimeout(done, 500)); ${CONTINUE}`);
    expect(await stoppedBy(slow, { limits: { minutes: 1 / 60 } })).toMatch(
      /it took longer than .* minutes, which `--max-minutes` changes/,
    );
  });

  test('is not reached by what functions may do', async () => {
    const assembly = foreignAssembly(`
      setInterval(() => undefined, 1_000_000);
      const { promisify } = require('util');
      const overflow = () => overflow() + 1;
      exports.handler = async (event) => {
        await promisify(setTimeout)(1);
        await Promise.reject(new Error('handled')).catch(() => undefined);
        if (eval('1 + 1') !== 2 || new Function('return 3')() !== 3) throw new Error('no eval');
        try { overflow(); } catch {}
        ${CONTINUE}
      };`);
    const report = await run(assembly, { limits });
    expect([report.log.replayed, report.functionErrors]).toEqual([REQUESTS, []]);
  });
});

test('a failure in a call is a failure of the request only', async () => {
  const errors = async (body: string) => (await run(lambda(body))).functionErrors;
  const one = (message: RegExp) => [{ count: REQUESTS, message: expect.stringMatching(message) }];
  expect(await errors('process.exit(0)')).toEqual(one(/process\.exit is not a function/));
  expect(await errors('const f = () => f() + 1; return f();')).toEqual(one(/call stack/));
  expect(await errors('require("child_process")')).toEqual(one(/no module "child_process"/));
  expect(await errors('require("node:net")')).toEqual(one(/no module "node:net"/));
  expect(await errors('await import("node:fs")')).toEqual(one(/dynamic import/));
  expect(await errors('console.log.constructor("return process")()')).toEqual(
    one(/Code generation from strings disallowed/),
  );
  expect(await errors('require("fs").readFileSync("/etc/passwd")')).toEqual(one(/EACCES/));
});

describe('a function that escapes from its context', () => {
  /** The error of the function for each request, after what it tried. */
  async function tried(attempt: string): Promise<string> {
    const { functionErrors } = await run(foreignAssembly(escaped(attempt)));
    return functionErrors[0]?.message ?? '';
  }

  test('has no environment, no standard streams, and no way to load or end anything', async () => {
    process.env.ISOCHRONE_TEST_SECRET = 'secret';
    const found = await tried(`(process) => JSON.stringify([
      process.env,
      ['exit', 'reallyExit', 'kill', 'abort', 'dlopen', 'binding', '_linkedBinding', 'mainModule',
       'getBuiltinModule', 'stdin', 'stdout', 'stderr', 'report', 'chdir', '_getActiveHandles']
        .filter((name) => process[name] !== undefined),
    ])`);
    delete process.env.ISOCHRONE_TEST_SECRET;
    expect(found).toMatch(/Escaped: \[\{\},\[\]\]$/);
  });

  test('can do nothing that the permission model of Node.js forbids', async () => {
    const found = await tried(`(process) => JSON.stringify(
      ['fs.read', 'fs.write', 'child', 'worker', 'addon', 'inspector', 'wasi']
        .filter((scope) => process.permission.has(scope)))`);
    expect(found).toMatch(/Escaped: \[\]$/);
    const file = join(directory, 'outside.txt');
    writeFileSync(file, 'outside');
    // A stream of the log leads to the class of all streams of files.
    const reads = await tried(`(process) => JSON.stringify([
      process.permission.has('fs.read', ${JSON.stringify(file)}),
      process.permission.has('fs.read', ${JSON.stringify(LOG)}),
      process.permission.has('fs.write', ${JSON.stringify(directory)}),
    ])`);
    expect(reads).toMatch(/Escaped: \[false,false,false\]$/);
  });

  test('that ends the process gives no report', async () => {
    const ends = escaped(`(process) => process._events.uncaughtException(new Error('the end'))`);
    expect(await stoppedBy(foreignAssembly(ends))).toMatch(/function Foreign failed .*: the end/);
  });
});

test('the network cannot be reached by what a function is given', async () => {
  let requests = 0;
  const server = createServer((_request, response) => {
    requests++;
    response.end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = JSON.stringify(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const { functionErrors } = await run(
    lambda(`
      const ways = [
        () => fetch(${url}),
        () => require('http').get(${url}),
        () => console.log.constructor('return fetch')()(${url}),
        () => new WebSocket(${url}),
      ];
      let failed = 0;
      for (const way of ways) try { await way(); } catch { failed++; }
      throw new Error(failed + ' of ' + ways.length);`),
  );
  server.close();
  expect([requests, functionErrors[0]?.message]).toEqual([0, expect.stringMatching(/: 4 of 4$/)]);
});

test('leaves nothing behind, whether it ends well or not', async () => {
  const marks = () => readdirSync(tmpdir()).filter((name) => name.includes('last-call'));
  const listeners = () =>
    ['SIGINT', 'SIGTERM', 'SIGHUP', 'exit'].map((name) => process.listenerCount(name));
  const before = [marks(), listeners()];
  await run(lambda(CONTINUE));
  await stoppedBy(lambda(`Promise.reject(1); ${CONTINUE}`));
  expect([marks(), listeners()]).toEqual(before);
});
