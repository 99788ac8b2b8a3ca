/**
 * The default application of a fleet: a server that answers the load balancer's health check.
 *
 * It also shows the contract of an application: listen on PORT, answer `/health`, keep idle
 * connections open for longer than the load balancer does, and on SIGTERM finish the requests in
 * progress before exiting.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface HealthServiceSettings {
  /** 0 selects a free port. */
  readonly port: number;
  readonly region: string;
  readonly instance: string;
  /** How long an idle connection stays open, in seconds. */
  readonly keepAliveSeconds: number;
}

/** How long requests may take after SIGTERM. systemd kills the process after 90 s by default. */
const DRAIN_MS = 25_000;

type Log = (entry: Record<string, unknown>) => void;

/** Creates the server, which does not listen yet. */
export function healthServer(settings: HealthServiceSettings, log: Log = logLine): Server {
  const server = createServer((request, response) =>
    answer(request, response, settings, server.listening),
  );
  // By default, Node closes idle connections after 5 s. A load balancer that sends a request into a
  // closing connection answers 502.
  server.keepAliveTimeout = settings.keepAliveSeconds * 1000;
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    log({ level: 'WARN', message: 'bad request', error: error.code ?? error.message });
    if (!socket.writable) return;
    const body = JSON.stringify({ error: 'The request is not HTTP.' });
    socket.end(
      'HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\n' +
        `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
    );
  });
  return server;
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  settings: HealthServiceSettings,
  listening: boolean,
): void {
  // An unread body would block the next request on the connection.
  request.resume();
  if (!listening) response.setHeader('Connection', 'close');
  const path = request.url?.split('?', 1)[0];
  if (path !== '/health') {
    reply(request, response, 404, { error: `There is nothing at ${path}.` });
  } else if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('Allow', 'GET, HEAD');
    reply(request, response, 405, {
      error: `/health answers GET and HEAD, not ${request.method}.`,
    });
  } else {
    reply(request, response, 200, {
      status: 'ok',
      region: settings.region,
      instance: settings.instance,
      uptimeSeconds: Math.floor(process.uptime()),
    });
  }
}

function reply(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  content: Record<string, unknown>,
): void {
  const body = JSON.stringify(content);
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

/**
 * The settings from the environment that systemd passes.
 *
 * @throws Error if PORT or KEEP_ALIVE_SECONDS is not a whole number in range
 */
export function settingsFrom(environment: NodeJS.ProcessEnv): HealthServiceSettings {
  return {
    port: wholeNumber(environment, 'PORT', 8080, 65_535),
    region: environment.AWS_REGION ?? 'unknown',
    instance: environment.INSTANCE_ID ?? 'unknown',
    keepAliveSeconds: wholeNumber(environment, 'KEEP_ALIVE_SECONDS', 65, 86_400),
  };
}

function wholeNumber(
  environment: NodeJS.ProcessEnv,
  name: string,
  fallback: number,
  max: number,
): number {
  const text = environment[name];
  if (text === undefined) return fallback;
  if (!/^\d{1,6}$/.test(text) || Number(text) > max) {
    throw new Error(
      `${name} must be a whole number from 0 to ${max}, got ${JSON.stringify(text)}. ` +
        "Correct it in the fleet's environment.",
    );
  }
  return Number(text);
}

function logLine(entry: Record<string, unknown>): void {
  console.log(
    JSON.stringify({ time: new Date().toISOString(), service: 'health-service', ...entry }),
  );
}

function run(): void {
  const settings = settingsFrom(process.env);
  const server = healthServer(settings);
  server.once('error', fail);
  server.listen(settings.port, () => {
    logLine({
      level: 'INFO',
      message: 'started',
      port: (server.address() as AddressInfo).port,
      region: settings.region,
    });
  });
  process.once('SIGTERM', () => {
    logLine({ level: 'INFO', message: 'stopping' });
    setTimeout(() => server.closeAllConnections(), DRAIN_MS).unref();
    server.close(() => logLine({ level: 'INFO', message: 'stopped' }));
  });
}

function fail(error: unknown): void {
  logLine({
    level: 'ERROR',
    message: 'failed',
    error: error instanceof Error ? error.message : String(error),
  });
  process.exitCode = 1;
}

if (require.main === module) {
  try {
    run();
  } catch (error) {
    fail(error);
  }
}
