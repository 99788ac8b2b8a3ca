/** A request without a client: runs a route again while its stale answer is being served. */
import { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';

/** These belong to one client's copy, or to its connection. */
const DROPPED = [
  'if-none-match',
  'if-modified-since',
  'accept-encoding',
  'connection',
  'content-length',
  'expect',
  'keep-alive',
];

export interface DetachedExchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  close(): void;
}

/**
 * @param original whose headers and address the new request has
 * @param target the URL as the client sent it
 */
export function detachedExchange(
  original: IncomingMessage,
  headers: IncomingMessage['headers'],
  target: string,
): DetachedExchange {
  // What is written goes nowhere: the cache takes the answer before it comes here.
  const socket = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
  const from = original.socket as Partial<Socket> & { readonly encrypted?: boolean };
  for (const name of [
    'remoteAddress',
    'remotePort',
    'remoteFamily',
    'localAddress',
    'localPort',
    'encrypted',
  ] as const) {
    Object.defineProperty(socket, name, { value: from[name], configurable: true });
  }
  for (const name of ['setTimeout', 'setNoDelay', 'setKeepAlive'] as const)
    Object.defineProperty(socket, name, { value: () => socket });
  const request = new IncomingMessage(socket as unknown as Socket);
  request.method = 'GET';
  request.url = target;
  request.httpVersion = '1.1';
  request.httpVersionMajor = 1;
  request.httpVersionMinor = 1;
  const kept = Object.entries(headers).filter(
    ([name]) => !DROPPED.includes(name) && !name.startsWith(':'),
  );
  request.headers = Object.fromEntries(kept);
  const authority = headers[':authority'];
  if (request.headers.host === undefined && typeof authority === 'string')
    request.headers.host = authority;
  request.rawHeaders = Object.entries(request.headers).flatMap(([name, value]) =>
    [value].flat().flatMap((one) => [name, String(one)]),
  );
  request.complete = true;
  request.push(null);
  const response = new ServerResponse(request);
  response.assignSocket(socket as unknown as Socket);
  return { request, response, close: () => void socket.destroy() };
}
