/**
 * The core of what becomes of viewers who wrote. Replicas lag behind, so for some seconds their
 * reads go to the primary region, where they find what they wrote. The edge marks them by a cookie
 * on the answer to a write, and knows them by it.
 *
 * Nobody signs the cookie, and nothing is trusted for it. Who forges it sends their own reads to
 * the primary region, at a rate that the web ACL limits, and reads there what they may read
 * anywhere. A signature would need a secret, which would have to lie in the function's package:
 * open to all who may read that.
 *
 * Pure functions, for Lambda@Edge and CloudFront Functions alike: no AWS types, no I/O, no clock,
 * and only the syntax and the built-ins of the latter's runtime, as in the normaliser.
 */

/**
 * Says when a viewer wrote, in Unix seconds. An application that knows better than the edge sets it
 * itself, and the edge leaves it at that. `__Host-` keeps other hosts from setting it: "The
 * `__Host-` Prefix", RFC 6265bis.
 */
export const RECENT_WRITER_COOKIE = '__Host-isochrone-wrote';

/** What follows the cookie's value where it is set. */
export function recentWriterAttributes(recentWriterSeconds: number): string {
  return `Max-Age=${recentWriterSeconds}; Path=/; Secure; HttpOnly; SameSite=Lax`;
}

/** "Safe Methods", RFC 9110, section 9.2.1; CloudFront passes no TRACE on. */
export function isRead(method: string): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS';
}

/**
 * Whether an answer tells that its request may have written something. A redirection does, because
 * many a form is answered by one.
 *
 * @throws TypeError if one of the two is not what CloudFront gives
 */
export function tellsOfWrite(method: string, status: number): boolean {
  if (typeof method !== 'string' || !(status >= 100))
    throw new TypeError('The method or the status is missing.');
  return !isRead(method) && status < 400;
}

/**
 * Whether one of the cookie's values is a time no farther away than `recentWriterSeconds`, in the
 * future either: the clocks of two edge locations differ. One that is no number, or farther away,
 * counts as none: at worst, a read is as old as the replica.
 */
export function wroteRecently(
  values: readonly string[],
  recentWriterSeconds: number,
  nowSeconds: number,
): boolean {
  return values.some(
    (time) => /^\d{1,12}$/.test(time) && Math.abs(nowSeconds - Number(time)) <= recentWriterSeconds,
  );
}
