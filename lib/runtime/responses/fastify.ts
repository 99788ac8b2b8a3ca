import type { OutgoingHttpHeaders } from 'node:http';
import type {
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  preHandlerHookHandler,
  RouteOptions,
} from 'fastify';
import type { ResponseRoute } from './options';
import type { ResponseCache } from './response-cache';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** How the answers of this route are shared; without it they are not. */
    responseCache?: ResponseRoute<FastifyRequest>;
  }
}

/**
 * A plugin of Fastify 5: routes with `config: { responseCache: { ttlSeconds: 5 } }` answer from the
 * cache. Register it, and await that, before the routes: `await
 * app.register(fastifyResponseCache(responses))`.
 *
 * It runs as the last `preHandler` of a route, after whatever decides who may see the answer.
 */
export function fastifyResponseCache(
  cache: ResponseCache,
): (app: FastifyInstance) => Promise<void> {
  const plugin = async (app: FastifyInstance): Promise<void> => {
    app.addHook('onRoute', (route: RouteOptions) => {
      const options = route.config?.responseCache;
      if (options === undefined) return;
      const before = route.preHandler === undefined ? [] : [route.preHandler].flat();
      route.preHandler = [...(before as preHandlerHookHandler[]), cacheHook(cache, options)];
    });
    app.addHook('onClose', () => cache.close());
  };
  // Its routes are those of the application that registers it, not of a scope of its own.
  return Object.assign(plugin, {
    [Symbol.for('skip-override')]: true,
    [Symbol.for('fastify.display-name')]: 'isochrone-response-cache',
  });
}

function cacheHook(
  cache: ResponseCache,
  route: ResponseRoute<FastifyRequest>,
): preHandlerHookHandler {
  const prepared = cache.prepare(route);
  return (request: FastifyRequest, reply: FastifyReply, done: () => void): void => {
    void cache.handle(
      {
        source: request,
        request: request.raw,
        response: reply.raw,
        target: request.originalUrl,
        headersBefore: () => ({ ...reply.getHeaders() }) as OutgoingHttpHeaders,
        send: ({ status, headers, body }) => {
          reply.code(status).headers(headers);
          if (body !== undefined || request.method !== 'HEAD') return void reply.send(body);
          // Fastify's own HEAD routes would add `Content-Length: 0`, which is not the length of the
          // answer (RFC 9110, section 8.6).
          reply.hijack();
          reply.raw.writeHead(status, { ...reply.getHeaders() } as OutgoingHttpHeaders).end();
        },
        proceed: done,
        again: (detached, answer) => request.server.routing(detached, answer),
      },
      prepared,
    );
  };
}
