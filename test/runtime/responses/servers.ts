/**
 * The same routes behind Fastify and behind Express, and a client that sends targets and headers
 * unchanged.
 */
import {
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type Server,
} from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo, Socket } from 'node:net';
import { connect } from 'node:net';
import type { Readable } from 'node:stream';
import express, { type Application, type NextFunction, type Request, type Response } from 'express';
import fastify, { type FastifyRequest } from 'fastify';
import { expressResponseCache } from '../../../lib/runtime/responses/express';
import { fastifyResponseCache } from '../../../lib/runtime/responses/fastify';
import type { ResponseRoute } from '../../../lib/runtime/responses/options';
import type { ResponseCache } from '../../../lib/runtime/responses/response-cache';

export type FrameworkRequest = Pick<FastifyRequest & Request, 'headers' | 'method'>;

export interface HandlerResponse {
  readonly status?: number;
  readonly headers?: Record<string, string | string[]>;
  readonly body?: string | Buffer | Readable | object;
}

export interface TestRoute {
  readonly path: string;
  readonly cache?: ResponseRoute<FrameworkRequest>;
  /** Receives Node's request. */
  readonly handler: (
    request: IncomingMessage & { readonly asked: URL },
  ) => HandlerResponse | Promise<HandlerResponse>;
  /** Sets headers before the request comes to the cache. */
  readonly before?: (set: (name: string, value: string) => void) => void;
  /** Sets a property of the framework's request before it comes to the cache. */
  readonly identify?: (
    request: IncomingMessage,
    set: (name: string, value: unknown) => void,
  ) => void;
}

export interface TestServer {
  readonly port: number;
  close(): Promise<void>;
}

function asked(request: IncomingMessage, target: string) {
  return Object.assign(request, { asked: new URL(`http://any${target}`) });
}

export async function startFastify(
  responses: ResponseCache,
  routes: readonly TestRoute[],
): Promise<TestServer> {
  const app = fastify({ forceCloseConnections: true });
  await app.register(fastifyResponseCache(responses));
  for (const { path, cache, handler, before, identify } of routes) {
    app.route({
      method: ['GET', 'POST'],
      url: path,
      config: { responseCache: cache as ResponseRoute<FastifyRequest> | undefined },
      preHandler: (request, reply, done) => {
        identify?.(request.raw, (name, value) => Reflect.set(request, name, value));
        before?.((name, value) => void reply.header(name, value));
        done();
      },
      handler: async (request, reply) => {
        const {
          status = 200,
          headers = {},
          body,
        } = await handler(asked(request.raw, request.originalUrl));
        return reply.code(status).headers(headers).send(body);
      },
    });
  }
  await app.listen({ port: 0, host: '127.0.0.1' });
  return { port: (app.server.address() as AddressInfo).port, close: () => app.close() };
}

/** Express 4 has the functions of 5 that are called here. */
export const express4 = createRequire(__filename)('express-4') as typeof express;

export const startExpress = (responses: ResponseCache, routes: readonly TestRoute[]) =>
  startExpressApp(express(), responses, routes);

const startExpress4 = (responses: ResponseCache, routes: readonly TestRoute[]) =>
  startExpressApp(express4(), responses, routes);

async function startExpressApp(
  app: Application,
  responses: ResponseCache,
  routes: readonly TestRoute[],
): Promise<TestServer> {
  for (const { path, cache, handler, before, identify } of routes) {
    app.all(
      path,
      (request, response, next) => {
        identify?.(request, (name, value) => Reflect.set(request, name, value));
        before?.((name, value) => response.setHeader(name, value));
        next();
      },
      ...(cache === undefined
        ? []
        : [expressResponseCache(responses, cache as ResponseRoute<Request>)]),
      (request: Request, response: Response, next: NextFunction) => {
        const respond = async () => {
          const {
            status = 200,
            headers = {},
            body,
          } = await handler(asked(request, request.originalUrl));
          response.status(status);
          for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
          if (isStream(body)) body.pipe(response);
          else response.send(body);
        };
        // Express 4 does not wait for handlers.
        respond().catch(next);
      },
    );
  }
  app.use(
    (_error: unknown, _request: Request, response: Response, _next: () => void) =>
      void response.status(500).send('failed'),
  );
  const server = await new Promise<Server>((resolve) => {
    const listening = app.listen(0, '127.0.0.1', () => resolve(listening));
  });
  const close = async (): Promise<void> => {
    await responses.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { port: (server.address() as AddressInfo).port, close };
}

function isStream(body: unknown): body is Readable {
  return typeof (body as Readable | undefined)?.pipe === 'function';
}

export const FRAMEWORKS = [
  ['Fastify', startFastify],
  ['Express', startExpress],
  ['Express 4', startExpress4],
] as const;

export interface Got {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Sends one request on its own connection, with its target and headers unchanged. */
export function ask(
  port: number,
  target: string,
  headers: OutgoingHttpHeaders = {},
  method = 'GET',
  body?: string,
): Promise<Got> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      { port, host: '127.0.0.1', path: target, method, headers, agent: false },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(chunks),
          }),
        );
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}

/** Sends bytes, and calls back with the bytes that arrive until the connection ends. */
export function raw(port: number, text: string, onData: (text: string) => void = () => {}): Socket {
  const socket = connect(port, '127.0.0.1', () => socket.write(text));
  socket.on('data', (chunk) => onData(chunk.toString('latin1')));
  socket.on('error', () => {});
  return socket;
}
