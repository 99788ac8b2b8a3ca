/**
 * The core of the marking of recent writers, on answers as Lambda@Edge gives them.
 *
 * Pure functions: no I/O, no clock.
 */
import type { Headers } from '../normalize-cache-key';
import { RECENT_WRITER_COOKIE, recentWriterAttributes, tellsOfWrite } from './recent-writer';

/** The part of an origin's answer that is read and written here. */
export interface OriginResponse {
  /** Such as `201`. */
  readonly status: string;
  readonly headers: Headers;
}

/**
 * The answer with one more `Set-Cookie`, if its request wrote and the origin has not set that
 * cookie itself. An answer from the batch origin is no exception: a write is a write, whoever did
 * the work, and its viewer looks for it just the same.
 *
 * @param response is not changed
 * @param nowSeconds Unix time
 * @throws TypeError if the event is not as CloudFront gives it
 */
export function markWriter<Response extends OriginResponse>(
  response: Response,
  { method }: { readonly method: string },
  { recentWriterSeconds }: { readonly recentWriterSeconds: number },
  nowSeconds: number,
): Response {
  const cookies = response.headers['set-cookie'] ?? [];
  if (
    !tellsOfWrite(method, Number(response.status)) ||
    cookies.some(({ value }) => nameOf(value) === RECENT_WRITER_COOKIE)
  )
    return response;
  const value = `${RECENT_WRITER_COOKIE}=${nowSeconds}; ${recentWriterAttributes(recentWriterSeconds)}`;
  return {
    ...response,
    headers: { ...response.headers, 'set-cookie': [...cookies, { key: 'Set-Cookie', value }] },
  };
}

/**
 * Browsers read the name without the white space around it: "The Set-Cookie Header Field", RFC
 * 6265bis.
 */
function nameOf(setCookie: string): string | undefined {
  return setCookie.split('=', 1)[0]?.trim();
}
