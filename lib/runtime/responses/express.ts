import type { Application, NextFunction, Request, RequestHandler, Response } from 'express';
import type { ResponseRoute } from './options';
import type { ResponseCache } from './response-cache';

/**
 * Middleware that caches one route in Express 4 or 5. Place it after authorization, because a hit
 * does not run the handler.
 *
 * @example
 * app.get('/quotes', signedIn, expressResponseCache(responses, { ttlSeconds: 5 }), handler);
 * @throws IsochroneError for an invalid option
 */
export function expressResponseCache(
  cache: ResponseCache,
  route: ResponseRoute<Request>,
): RequestHandler {
  const prepared = cache.prepare(route);
  return (request: Request, response: Response, next: NextFunction): void => {
    void cache.handle(
      {
        source: request,
        request,
        response,
        target: request.originalUrl,
        headersBefore: () => response.getHeaders(),
        send: ({ status, headers, body }) => {
          response.statusCode = status;
          for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
          response.end(body);
        },
        proceed: () => next(),
        again: (detached, detachedResponse) => rootOf(request.app)(detached, detachedResponse),
      },
      prepared,
    );
  };
}

/**
 * The application that the server calls. A mounted application does not know the path that it is
 * mounted at, so it cannot route the original URL.
 */
function rootOf(app: Application): Application {
  const { parent } = app as Application & { readonly parent?: Application };
  return parent === undefined ? app : rootOf(parent);
}
