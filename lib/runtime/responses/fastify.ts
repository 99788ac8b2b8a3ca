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
    /** How the responses of this route are cached. @default - they are not cached */
    responseCache?: ResponseRoute<FastifyRequest>;
  }
}

/**
 * A Fastify 5 plugin that caches the routes with `config: { responseCache: { ttlSeconds: 5 } }`.
 * Register it before the routes, and await the registration.
 *
 * It runs as the last `preHandler` of a route, after authorization. Closing the application closes
 * the cache.
 *
 * @example
 * await app.register(fastifyResponseCache(responses));
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
  // The hook must see the routes of the application that registers the plugin, so the plugin has no
  // scope of its own.
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
          // response to GET (RFC 9110, section 8.6).
          reply.hijack();
          reply.raw.writeHead(status, { ...reply.getHeaders() } as OutgoingHttpHeaders).end();
        },
        checked: (query) => checkedQuery(request, query),
        proceed: done,
        again: (detached, response) => request.server.routing(detached, response),
      },
      prepared,
    );
  };
}

/** A query as the route's schema converts it, with its defaults; undefined if it is refused. */
function checkedQuery(request: FastifyRequest, query: object): object | undefined {
  const validate = request.getValidationFunction('querystring') as
    | ((query: object) => unknown)
    | undefined;
  // Fastify's own compiler changes the object; those of other libraries return another one.
  const outcome = validate?.(query) as boolean | { value?: object; error?: unknown } | undefined;
  if (typeof outcome !== 'object' || outcome === null) return outcome === false ? undefined : query;
  return outcome.error === undefined ? (outcome.value ?? query) : undefined;
}
