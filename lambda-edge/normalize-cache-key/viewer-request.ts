/**
 * A viewer request as CloudFront Functions give it, and the normaliser over it.
 *
 * - `event.request.querystring` is an object of parsed parameters: it has no order across names,
 *   and `flag` looks there like `flag=`. The query is therefore read with `rawQueryString()`, which
 *   gives it unparsed and unaltered ("General helper methods", Amazon CloudFront developer guide),
 *   and written as one string, as AWS's own example "Normalize query string parameters" does. AWS
 *   documents no change of such a string.
 * - Where the raw query cannot be had, it stays as it came: what was lost in parsing cannot be put
 *   together again. The console's test and the `TestFunction` API give an empty one for every
 *   event, so they cannot show a normalised query.
 */
import { type Asked, type CacheKey, IMAGE_FORMAT_HEADER, LANGUAGE_HEADER } from './normalize';

/** A value, and all of them if there were several of one name. */
interface Values {
  readonly value: string;
  readonly multiValue?: readonly { readonly value: string }[];
}

export interface ViewerRequest {
  readonly uri: string;
  querystring: string | Readonly<Record<string, Values>>;
  /** By name in lower case. */
  readonly headers: Record<string, Values>;
  /**
   * Without the question mark; undefined if there was none. Since November 2025, in runtime 2.0.
   */
  rawQueryString?(): string | undefined;
}

export interface ViewerRequestEvent {
  readonly request: ViewerRequest;
}

/** A request that cannot be normalised stays as it is. */
export function normalizeRequest(
  request: ViewerRequest,
  keyOf: (asked: Asked) => CacheKey | undefined,
): void {
  try {
    normalize(request, keyOf);
  } catch (error) {
    // The only method of the runtime's console.
    console.log(
      JSON.stringify({
        level: 'ERROR',
        message: 'The request could not be normalised.',
        error: String(error),
      }),
    );
  }
}

function normalize(request: ViewerRequest, keyOf: (asked: Asked) => CacheKey | undefined): void {
  const raw = rawQuery(request);
  const key = keyOf({
    path: request.uri,
    query: raw ?? '',
    header: (name) => headerValue(request.headers[name]),
  });
  setOrRemove(request.headers, LANGUAGE_HEADER, key?.language);
  setOrRemove(request.headers, IMAGE_FORMAT_HEADER, key?.imageFormat);
  if (key !== undefined && raw !== undefined) request.querystring = key.query;
}

/**
 * Undefined where it cannot be known: an empty text beside parsed parameters is one that was not
 * given.
 */
function rawQuery(request: ViewerRequest): string | undefined {
  const raw = request.rawQueryString?.() ?? '';
  return raw === '' && Object.keys(request.querystring).length > 0 ? undefined : raw;
}

function setOrRemove(
  headers: Record<string, Values>,
  name: string,
  value: string | undefined,
): void {
  if (value === undefined) delete headers[name];
  else headers[name] = { value: value };
}

/** A list header that was sent several times is one list: RFC 9110, section 5.3. */
function headerValue(header: Values | undefined): string {
  return (header?.multiValue ?? (header ? [header] : [])).map((one) => one.value).join(',');
}
