import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { emulate } from '../../bin/commands/emulate';
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
