/** A viewer request as Lambda@Edge gives it, and what the cache key makes of it. */
import { type Asked, type CacheKey, IMAGE_FORMAT_HEADER, LANGUAGE_HEADER } from './normalize';

/** Headers by name in lower case. */
export type Headers = Record<string, { key?: string; value: string }[]>;

/** The part of a viewer's request that is read and written here. */
export interface ViewerRequest {
  /** The path as the viewer sent it. */
  readonly uri: string;
  /** Without the question mark. */
  readonly querystring: string;
  readonly headers: Headers;
}

/**
 * The request with a normalised query and its two synthetic headers set or removed.
 *
 * @param request is not changed
 * @param keyOf what `cacheKeyOf` made of the settings
 */
export function normalizeRequest<Request extends ViewerRequest>(
  request: Request,
  keyOf: (asked: Asked) => CacheKey | undefined,
): Request {
  const key = keyOf({
    path: request.uri,
    query: request.querystring,
    header: (name) => headerValue(request.headers, name),
  });
  const headers: Headers = Object.fromEntries(
    Object.entries(request.headers).filter(([name]) => !isSynthetic(name)),
  );
  if (key === undefined) return { ...request, headers };
  if (key.language !== undefined)
    headers[LANGUAGE_HEADER] = [{ key: LANGUAGE_HEADER, value: key.language }];
  if (key.imageFormat !== undefined)
    headers[IMAGE_FORMAT_HEADER] = [{ key: IMAGE_FORMAT_HEADER, value: key.imageFormat }];
  return { ...request, querystring: key.query, headers };
}

function isSynthetic(name: string): boolean {
  const lower = name.toLowerCase();
  return lower === LANGUAGE_HEADER || lower === IMAGE_FORMAT_HEADER;
}

/** A list header that was sent several times is one list: RFC 9110, section 5.3. */
function headerValue(headers: Headers, name: string): string {
  return (headers[name] ?? []).map(({ value }) => value).join(',');
}
