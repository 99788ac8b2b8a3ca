import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { emulate } from '../../bin/commands/emulate';
import { foreignAssembly } from '../tools/simulation/confined/edge-code';
import { forwardAllAssembly } from '../tools/simulation/forward-all';

test('serves until it receives SIGTERM', async () => {
  const origin = createServer((_request, response) => response.end('from the origin')).listen(
    0,
    '127.0.0.1',
  );
  await once(origin, 'listening');
  let listening: (line: string) => void = () => undefined;
  const line = new Promise<string>((resolve) => {
    listening = resolve;
  });
  const log = jest.spyOn(console, 'log').mockImplementation(listening);
  try {
    const url = `site=http://127.0.0.1:${(origin.address() as AddressInfo).port}`;
    const ended = emulate.run([
      '--assembly',
      forwardAllAssembly(),
      '--origin',
      url,
      '--port',
      '0',
      '--pop',
      'DUB',
    ]);
    const [base] = /http:\/\/[\d.:]+/.exec(await line) ?? [];
    const response = await fetch(`${base}/a`, { headers: { connection: 'close' } });
    expect([response.headers.get('x-amz-cf-pop'), await response.text()]).toEqual([
      'DUB1-C1',
      'from the origin',
    ]);
    process.emit('SIGTERM');
    expect(await ended).toBe(0);
    expect(process.listenerCount('SIGTERM') + process.listenerCount('SIGINT')).toBe(0);
  } finally {
    log.mockRestore();
    origin.close();
    origin.closeAllConnections();
  }
});

describe('edge code that means harm', () => {
  /** Emulates an assembly; `url` comes once it listens. */
  function start(code: string) {
    const errors: string[] = [];
    const mocks = [
      jest.spyOn(console, 'error').mockImplementation((line) => errors.push(String(line))),
    ];
    const url = new Promise<string>((resolve) => {
      mocks.push(
        jest
          .spyOn(console, 'log')
          .mockImplementation((line) => resolve(/http:\/\/[\d.:]+/.exec(line)?.[0] ?? '')),
      );
    });
    const { directory } = foreignAssembly(code);
    const ended = emulate
      .run(['--assembly', directory, '--origin', 'http://127.0.0.1:1', '--port', '0'])
      .finally(() => {
        for (const mock of mocks) mock.mockRestore();
      });
    return { url, ended, errors };
  }
  const get = async (url: string) =>
    (await fetch(url, { headers: { connection: 'close' } }).catch(() => undefined))?.status;

  test('a loop is interrupted, and the emulator goes on', async () => {
    const { url, ended, errors } = start(`
      let calls = 0;
      exports.handler = async (event) => {
        console.log('call', ++calls);
        if (calls === 1) for (;;);
        return { status: '204' };
      };`);
    expect([await get(await url), await get(await url)]).toEqual([503, 204]);
    process.emit('SIGINT');
    expect(await ended).toBe(0);
    expect(errors).toEqual([
      'Foreign: call 1',
      expect.stringMatching(/^Foreign failed on viewer-request: .*timed out/),
      'Foreign: call 2',
    ]);
  });

  test.each<[string, string, RegExp]>([
    [
      'an endless loop of promises',
      'for (;;) await null;',
      /was stopped: it blocked the process for 6 s\.\n.* last is Foreign\./,
    ],
    [
      'a stray rejection',
      'Promise.reject(new Error("lost")); return event.Records[0].cf.request;',
      /its function Foreign failed outside a call: lost\./,
    ],
  ])(
    '%s ends the emulator with a sentence and exit code 5',
    async (_what, body, says) => {
      const { url, ended, errors } = start(`exports.handler = async (event) => { ${body} };`);
      await get(await url);
      expect(await ended).toBe(5);
      expect(errors.at(-1)).toMatch(says);
    },
    30_000,
  );
});

test.each<[string, string[], RegExp]>([
  [
    'no origin',
    [],
    /--origin must be given for site, or as one URL for all origins, got "nothing"/,
  ],
  [
    'an origin that is not a URL',
    ['--origin', 'localhost:80'],
    /--origin must be a URL without a path, or ID=URL, got "localhost:80"/,
  ],
  [
    'an origin with a path',
    ['--origin', 'site=http://127.0.0.1/base'],
    /--origin must be a URL without a path/,
  ],
  [
    'an unknown origin',
    ['--origin', 'b=http://127.0.0.1'],
    /--origin must be one of the distribution's: site, got "b"/,
  ],
  [
    'an invalid port',
    ['--origin', 'http://127.0.0.1', '--port', 'http'],
    /--port must be a number from 0 to 65535/,
  ],
  [
    'an unknown edge location',
    ['--origin', 'http://127.0.0.1', '--pop', 'nowhere'],
    /--pop must be the code of an edge location/,
  ],
  [
    'an unknown protocol',
    ['--origin', 'http://127.0.0.1', '--viewer-protocol', 'h2'],
    /--viewer-protocol must be https or http/,
  ],
  [
    'a switch without a value',
    ['--origin', 'http://127.0.0.1', '--switch', 'eu-west-1'],
    /--switch must be REGION=VALUE, got "eu-west-1"/,
  ],
])('%s is refused', async (_what, args, says) => {
  await expect(emulate.run(['--assembly', forwardAllAssembly(), ...args])).rejects.toThrow(says);
});

test('a port that is in use is reported by its number', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  const args = [
    '--assembly',
    forwardAllAssembly(),
    '--origin',
    'http://127.0.0.1',
    '--port',
    String(port),
  ];
  await expect(emulate.run(args)).rejects.toThrow(`cannot listen at 127.0.0.1:${port} (`);
  other.close();
});

test.each([
  ['--origin', 'http://app:hunter2@127.0.0.1/base'],
  ['--origin', 'site=ftp://app:hunter2@127.0.0.1'],
  ['--origin', 'app:hunter2@127.0.0.1'],
  ['--host', 'http://app:hunter2@127.0.0.1'],
  ['--host', 'app:hunter2@127.0.0.1'],
])('%s %j is refused without showing it', async (...option) => {
  const args = ['--assembly', forwardAllAssembly(), '--origin', 'http://127.0.0.1:1', ...option];
  const error = await emulate.run(args).catch(String);
  expect(error).toMatch(new RegExp(`${option[0]} must be .*, got text\\.`));
  expect(error).not.toContain('hunter2');
});
