/** A viewer request in the format of Lambda@Edge, and how a cache key changes it. */
import {
  type CacheKey,
  type CacheKeyInput,
  IMAGE_FORMAT_HEADER,
  LANGUAGE_HEADER,
} from './normalize';

/** Headers by name in lower case. */
export type Headers = Record<string, { key?: string; value: string }[]>;

/** The part of a viewer's request that is read and written here. */
export interface ViewerRequest {
  /** The path as the viewer sent it. */
  readonly uri: string;
  /** The query, without the question mark. */
  readonly querystring: string;
  readonly headers: Headers;
}

/**
 * The request with a normalized query, and with its two synthetic headers set or removed.
 *
 * @param request is not changed
 * @param keyOf the result of `cacheKeyOf`
 */
export function normalizeRequest<Request extends ViewerRequest>(
  request: Request,
  keyOf: (input: CacheKeyInput) => CacheKey | undefined,
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

/** Joins the values of a list header that was sent several times: RFC 9110, section 5.3. */
function headerValue(headers: Headers, name: string): string {
  return (headers[name] ?? []).map(({ value }) => value).join(',');
}
