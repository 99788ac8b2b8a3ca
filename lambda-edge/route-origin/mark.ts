/**
 * The core that marks recent writers on responses in the format of Lambda@Edge.
 *
 * Pure functions: no I/O, no clock.
 */
import type { Headers } from '../normalize-cache-key';
import { isWrite, RECENT_WRITER_COOKIE, recentWriterAttributes } from './recent-writer';

/** The part of an origin's response that is read and written here. */
export interface OriginResponse {
  /** The status code, such as `201`. */
  readonly status: string;
  readonly headers: Headers;
}

/**
 * The response with one more `Set-Cookie`, if its request wrote and the origin has not set that
 * cookie itself. Responses of the batch origin are included: the viewer looks for the result of a
 * write there, too.
 *
 * @param response is not changed
 * @param nowSeconds the current Unix time
 * @throws TypeError if the event is malformed
 */
export function markWriter<Response extends OriginResponse>(
  response: Response,
  { method }: { readonly method: string },
  { recentWriterSeconds }: { readonly recentWriterSeconds: number },
  nowSeconds: number,
): Response {
  const cookies = response.headers['set-cookie'] ?? [];
  if (
    !isWrite(method, Number(response.status)) ||
    cookies.some(({ value }) => nameOf(value) === RECENT_WRITER_COOKIE)
  )
    return response;
  const attributes = recentWriterAttributes(recentWriterSeconds);
  const value = `${RECENT_WRITER_COOKIE}=${nowSeconds}; ${attributes}`;
  return {
    ...response,
    headers: { ...response.headers, 'set-cookie': [...cookies, { key: 'Set-Cookie', value }] },
  };
}

/** Browsers trim white space around the name: "The Set-Cookie Header Field", RFC 6265bis. */
function nameOf(setCookie: string): string | undefined {
  return setCookie.split('=', 1)[0]?.trim();
}
