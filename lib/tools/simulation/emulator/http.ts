/**
 * HTTP on both sides of the emulator: the server for viewers and the client for origins. Bodies are
 * read whole, up to a limit.
 */
import { randomBytes } from 'node:crypto';
import * as http from 'node:http';
import * as https from 'node:https';
import { IsochroneError } from '../../../model/errors';
import type { HeaderFields, HttpRequest, HttpResponse } from '../messages';
import type { OriginStep } from '../path';
import type { EmulatedResponse, Emulator } from './emulator';

/** The largest body in bytes. CloudFront's own limit is 50 GB; it stores large objects in parts. */
export const MAX_BODY_BYTES = 64 * 1024 * 1024;

/** CloudFront's default response timeout for an origin: "Response timeout". */
const ORIGIN_TIMEOUT_MS = 30_000;

class TooLarge extends Error {}

/**
 * A client that sends each request to the URL of its origin.
 *
 * @param urls the URL of each origin, by ID; `*` stands for all other origins
 * @returns a function that throws IsochroneError if an origin has no URL
 */
export function originClient(
  urls: ReadonlyMap<string, URL>,
): (
  step: OriginStep,
  body?: Uint8Array,
) => Promise<{ response: HttpResponse; unreachable: boolean }> {
  return async (step, body) => {
    const url = urls.get(step.origin.id) ?? urls.get('*');
    if (!url)
      throw new IsochroneError(
        `The origin ${step.origin.id} has no URL.\n` +
          `Name it with \`--origin ${step.origin.id}=URL\`.`,
      );
    try {
      return { response: await sendRequest(url, step.request, body), unreachable: false };
    } catch (error) {
      // "HTTP 502 status code (Bad Gateway)" and "HTTP 504 status code (Gateway Timeout)".
      const status = error instanceof TimedOut ? 504 : 502;
      return {
        response: {
          status,
          headers: { server: ['CloudFront'] },
          bodyBytes: 0,
          body: new Uint8Array(),
        },
        unreachable: true,
      };
    }
  };
}

class TimedOut extends Error {}

/** Interim responses (1xx) are dropped. Each request has its own connection. */
function sendRequest(
  url: URL,
  { method, host, path, query, headers }: HttpRequest,
  body: Uint8Array | undefined,
): Promise<HttpResponse> {
  const { 'content-length': _length, ...sent } = headers;
  const options: http.RequestOptions = {
    method,
    path: `${path}${query === '' ? '' : `?${query}`}`,
    headers: {
      ...sent,
      host,
      'x-amz-cf-id': requestId(),
      ...(body && { 'content-length': body.length }),
    } as http.OutgoingHttpHeaders,
    agent: false,
    timeout: ORIGIN_TIMEOUT_MS,
  };
  return new Promise((resolve, reject) => {
    let received: http.IncomingMessage | undefined;
    const request = (url.protocol === 'https:' ? https : http).request(url, options, (response) => {
      received = response;
      read(response).then((bytes) => {
        const content = method === 'HEAD' || response.statusCode === 304 ? {} : { body: bytes };
        resolve({
          status: response.statusCode ?? 502,
          headers: fieldsOf(response),
          bodyBytes: bytes.length,
          ...content,
        });
      }, reject);
    });
    request.on('timeout', () => request.destroy(new TimedOut()));
    // Node.js reports bytes beyond `Content-Length` as an error, but the response is complete.
    request.on('error', (error) => received?.complete || reject(error));
    request.end(body);
  });
}

/**
 * Creates an HTTP server for the emulator. The caller makes it listen.
 *
 * @param warn receives a sentence about each unexpected error
 */
export function emulatorServer(
  emulator: Emulator,
  pop: string,
  warn: (sentence: string) => void,
): http.Server {
  return http.createServer((request, response) => {
    respondTo(emulator, request)
      .then((emulated) => send(response, request.method ?? 'GET', emulated, pop))
      .catch((error: unknown) => {
        const isTooLarge = error instanceof TooLarge;
        if (!isTooLarge) warn(`${request.method} ${request.url}: ${messageOf(error)}`);
        if (response.headersSent) response.destroy();
        else
          send(
            response,
            'GET',
            {
              response: { status: isTooLarge ? 413 : 500, headers: {}, bodyBytes: 0 },
              result: 'Error',
            },
            pop,
          );
      });
  });
}

async function respondTo(
  emulator: Emulator,
  request: http.IncomingMessage,
): Promise<EmulatedResponse> {
  const body = await read(request);
  const { host, ...headers } = fieldsOf(request);
  // A proxy's request target contains scheme and host: RFC 9112, 3.2.2.
  const target = (request.url ?? '/').replace(/^https?:\/\/[^/?]*\/?/i, '/');
  const mark = target.indexOf('?');
  const viewer: HttpRequest = {
    method: request.method ?? 'GET',
    host: (host?.[0] ?? 'localhost').toLowerCase(),
    path: mark < 0 ? target : target.slice(0, mark),
    query: mark < 0 ? '' : target.slice(mark + 1),
    headers,
    clientAddress: (request.socket.remoteAddress ?? '127.0.0.1').replace(/^::ffff:/, ''),
  };
  return emulator.respond(
    viewer,
    body.length > 0 || headers['content-length'] !== undefined ? body : undefined,
  );
}

/** Adds the headers that CloudFront adds to each response: "Request and response behavior". */
function send(
  outgoing: http.ServerResponse,
  method: string,
  { response, result }: EmulatedResponse,
  pop: string,
): void {
  const { status, headers, body } = response;
  const isEmpty = status === 204 || status === 304;
  const length = method === 'HEAD' ? headers['content-length']?.[0] : String(body?.length ?? 0);
  const fields: Record<string, string | readonly string[]> = {};
  for (const [name, values] of Object.entries(headers))
    fields[name] = values.length === 1 ? (values[0] ?? '') : values;
  delete fields['content-length'];
  if (!isEmpty && length !== undefined) fields['content-length'] = length;
  fields['x-cache'] = `${result} from cloudfront`;
  fields.via = [...(headers.via ?? []), '1.1 isochrone.cloudfront.net (CloudFront)'].join(', ');
  fields['x-amz-cf-pop'] = `${pop}1-C1`;
  fields['x-amz-cf-id'] = requestId();
  outgoing.writeHead(status, fields as http.OutgoingHttpHeaders);
  outgoing.end(method === 'HEAD' || isEmpty ? undefined : body);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** An opaque ID, different for each request. */
function requestId(): string {
  return `${randomBytes(42).toString('base64url')}==`;
}

async function read(message: http.IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of message as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) throw new TooLarge(`The body exceeds ${MAX_BODY_BYTES} bytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** `headersDistinct` keeps each field line; `headers` would join or drop some. */
function fieldsOf({ headersDistinct }: http.IncomingMessage): HeaderFields {
  return headersDistinct as HeaderFields;
}
