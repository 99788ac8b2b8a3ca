/**
 * A viewer request in the format of CloudFront Functions, and the normalizer for it.
 *
 * - `event.request.querystring` is an object of parsed parameters. It has no order across names,
 *   and `flag` looks like `flag=`. The query is therefore read with `rawQueryString()`, which
 *   returns it unparsed and unaltered ("General helper methods", Amazon CloudFront developer
 *   guide), and written as one string, as AWS's own example "Normalize query string parameters"
 *   does. AWS documents no change of such a string.
 * - If the raw query is not available, the query stays as it came: information that was lost in
 *   parsing cannot be restored. The console's test and the `TestFunction` API return an empty one
 *   for every event, so they cannot show a normalized query.
 */
import {
  type CacheKey,
  type CacheKeyInput,
  IMAGE_FORMAT_HEADER,
  LANGUAGE_HEADER,
} from './normalize';

/** A value; `multiValue` has all values of a name that was sent several times. */
interface Values {
  readonly value: string;
  readonly multiValue?: readonly { readonly value: string }[];
}

export interface ViewerRequest {
  readonly uri: string;
  querystring: string | Readonly<Record<string, Values>>;
  /** Headers by name in lower case. */
  readonly headers: Record<string, Values>;
  /**
   * The query without the question mark; undefined if there is no query. Runtime 2.0 has it since
   * November 2025.
   */
  rawQueryString?(): string | undefined;
}

export interface ViewerRequestEvent {
  readonly request: ViewerRequest;
}

/** Normalizes a request in place. If that fails, it stays as it is, and one line is logged. */
export function normalizeRequest(
  request: ViewerRequest,
  keyOf: (input: CacheKeyInput) => CacheKey | undefined,
): void {
  try {
    normalize(request, keyOf);
  } catch (error) {
    // `log` is the only method of the runtime's console.
    console.log(
      JSON.stringify({
        level: 'ERROR',
        message: 'The request could not be normalised.',
        error: String(error),
      }),
    );
  }
}

function normalize(
  request: ViewerRequest,
  keyOf: (input: CacheKeyInput) => CacheKey | undefined,
): void {
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

/** The raw query; undefined if it is not available, that is, empty beside parsed parameters. */
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

/** Joins the values of a list header that was sent several times: RFC 9110, section 5.3. */
function headerValue(header: Values | undefined): string {
  return (header?.multiValue ?? (header ? [header] : [])).map((one) => one.value).join(',');
}
