import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { handlerDirectory } from '../../../lib/constructs/house-rules/handlers';
import { healthServer, settingsFrom } from '../../../lib/constructs/service/health-service.handler';

/** Everything that the server sends on a raw connection until it closes the connection. */
async function readToEnd(socket: Socket): Promise<string> {
  let text = '';
  socket.setEncoding('utf8').on('data', (part) => {
    text += part;
  });
  await once(socket, 'close');
  return text;
}

/** Connects until the port is closed, and drops connections that the closing listener accepted. */
async function untilRefused(port: number): Promise<void> {
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    const code = await new Promise<string | undefined>((resolve) => {
      socket
        .once('error', (error: NodeJS.ErrnoException) => resolve(error.code))
        .once('connect', () => resolve(undefined));
    });
    socket.destroy();
    if (code === 'ECONNREFUSED') return;
  }
}

describe('the server', () => {
  const logged: Record<string, unknown>[] = [];
  let server: Server;
  let port: number;

  beforeAll(async () => {
    server = healthServer(
      { port: 0, region: 'ap-southeast-1', instance: 'i-1', keepAliveSeconds: 65 },
      (entry) => logged.push(entry),
    );
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port;
  });

  afterAll(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const fetchFrom = (path: string, init?: RequestInit) =>
    fetch(`http://127.0.0.1:${port}${path}`, init);

  test.each(['/health', '/health?from=elb'])(
    'GET %s says where it runs and forbids caches to keep it',
    async (path) => {
      const response = await fetchFrom(path);
      expect(response.status).toBe(200);
      expect(response.headers.get('content-type')).toBe('application/json');
      expect(response.headers.get('cache-control')).toBe('no-store');
      expect(await response.json()).toEqual({
        status: 'ok',
        region: 'ap-southeast-1',
        instance: 'i-1',
        uptimeSeconds: expect.any(Number),
      });
    },
  );

  test('HEAD has the headers of GET and no body', async () => {
    const response = await fetchFrom('/health', { method: 'HEAD' });
    expect(response.status).toBe(200);
    expect(Number(response.headers.get('content-length'))).toBeGreaterThan(0);
    expect(await response.text()).toBe('');
  });

  test.each(['/', '/healthy', '/Health', '//health', '/health/..%2fetc'])(
    '%s is nowhere',
    async (path) => {
      const response = await fetchFrom(path);
      expect(response.status).toBe(404);
      expect(response.headers.get('cache-control')).toBe('no-store');
      expect(await response.json()).toEqual({ error: `There is nothing at ${path}.` });
    },
  );

  test('another method is refused, its body is read, and the connection stays usable', async () => {
    const response = await fetchFrom('/health', { method: 'POST', body: 'x'.repeat(500_000) });
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('GET, HEAD');
    expect((await fetchFrom('/health')).status).toBe(200);
  });

  test.each([
    ['no HTTP', 'hello\r\n\r\n'],
    [
      'two lengths',
      'POST /health HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
    ],
    ['no host', 'GET /health HTTP/1.1\r\n\r\n'],
  ])('%s is answered 400 and closed, and the server lives', async (_, bytes) => {
    const socket = connect(port, '127.0.0.1');
    socket.write(bytes);
    expect(await readToEnd(socket)).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect((await fetchFrom('/health')).status).toBe(200);
  });

  test('a malformed request is logged', () => {
    expect(logged).toContainEqual({
      level: 'WARN',
      message: 'bad request',
      error: expect.stringMatching(/^HPE_/),
    });
  });

  test('an idle connection outlives the idle timeout of the load balancer', () => {
    expect(server.keepAliveTimeout).toBe(65_000);
  });
});

describe('the settings', () => {
  test('come from the environment, with defaults', () => {
    expect(settingsFrom({})).toEqual({
      port: 8080,
      region: 'unknown',
      instance: 'unknown',
      keepAliveSeconds: 65,
    });
    expect(
      settingsFrom({
        PORT: '3000',
        AWS_REGION: 'eu-west-1',
        INSTANCE_ID: 'i-2',
        KEEP_ALIVE_SECONDS: '125',
      }),
    ).toEqual({
      port: 3000,
      region: 'eu-west-1',
      instance: 'i-2',
      keepAliveSeconds: 125,
    });
  });

  test.each(['', '-1', '80.5', 'http', '65536', '1e3'])('PORT=%p is refused', (text) => {
    expect(() => settingsFrom({ PORT: text })).toThrow(
      `PORT must be a whole number from 0 to 65535, got ${JSON.stringify(text)}.`,
    );
  });

  test('the largest port is accepted', () => {
    expect(settingsFrom({ PORT: '65535' }).port).toBe(65_535);
  });
});

describe('the bundle, run as the systemd unit runs it', () => {
  const bundle = join(handlerDirectory('health-service'), 'index.js');
  const children: ChildProcessWithoutNullStreams[] = [];
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });

  function start(environment: Record<string, string>) {
    const child = spawn(process.execPath, [bundle], { env: environment });
    children.push(child);
    const exited = once(child, 'exit');
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const nextLine = async () => JSON.parse((await lines.next()).value) as Record<string, unknown>;
    return { child, exited, nextLine };
  }

  test('on SIGTERM, it finishes open requests, accepts no new ones and exits cleanly', async () => {
    const { child, exited, nextLine } = start({ PORT: '0', AWS_REGION: 'eu-west-1' });
    const started = await nextLine();
    expect(started).toMatchObject({
      level: 'INFO',
      message: 'started',
      region: 'eu-west-1',
      service: 'health-service',
    });
    const port = started.port as number;

    const begun = connect(port, '127.0.0.1');
    await once(begun, 'connect');
    // The first response proves that the server has the connection. The second request is then only
    // half sent.
    begun.write('GET /health HTTP/1.1\r\nHost: a\r\n\r\n');
    await once(begun, 'data');
    begun.write('GET /health HTTP/1.1\r\nHost: a\r\n');
    await once(connect(port, '127.0.0.1').end(), 'close');

    child.kill('SIGTERM');
    expect(await nextLine()).toMatchObject({ message: 'stopping' });
    await untilRefused(port);

    begun.write('\r\n');
    const rest = await readToEnd(begun);
    expect(rest).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(rest).toMatch(/\r\nConnection: close\r\n/i);
    expect(await nextLine()).toMatchObject({ message: 'stopped' });
    expect(await exited).toEqual([0, null]);
  });

  test('a port in use logs one line and fails the process', async () => {
    const first = start({ PORT: '0' });
    const { port } = await first.nextLine();
    const second = start({ PORT: String(port) });
    expect(await second.nextLine()).toMatchObject({
      level: 'ERROR',
      message: 'failed',
      error: expect.stringContaining('EADDRINUSE'),
    });
    expect(await second.exited).toEqual([1, null]);
  });

  test('a bad setting logs one line that names it', async () => {
    const { nextLine, exited } = start({ PORT: 'http' });
    expect(await nextLine()).toMatchObject({
      level: 'ERROR',
      error: expect.stringContaining('PORT must be a whole number'),
    });
    expect(await exited).toEqual([1, null]);
  });
});
