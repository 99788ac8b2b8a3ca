import type { Application, NextFunction, Request, RequestHandler, Response } from 'express';
import type { ResponseRoute } from './options';
import type { ResponseCache } from './response-cache';

/**
 * Middleware of Express 5 for one route. It stands after what decides who may see the answer, and
 * before the handler: `app.get('/quotes', signedIn, expressResponseCache(responses, { ttlSeconds: 5
 * }), handler)`.
 *
 * @throws IsochroneError for an option that cannot be meant
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
        again: (detached, answer) => rootOf(request.app)(detached, answer),
      },
      prepared,
    );
  };
}

/**
 * The application that the server calls: routes of a mounted one are known to it only under its
 * path.
 */
function rootOf(app: Application): Application {
  const { parent } = app as Application & { readonly parent?: Application };
  return parent === undefined ? app : rootOf(parent);
}
