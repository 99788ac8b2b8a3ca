/**
 * The core of read-your-writes at the edge. Replicas lag behind the primary, so the reads of a
 * viewer who wrote go to the primary region for some seconds. The edge marks such viewers by a
 * cookie on the response to a write, and recognizes them by it.
 *
 * The cookie is not signed, because it grants nothing. A viewer who forges it sends their own reads
 * to the primary region, at a rate that the web ACL limits, and reads there what they may read
 * anywhere. A signature would need a secret in the function's package, which everyone with access
 * to that package could read.
 *
 * Pure functions, for Lambda@Edge and CloudFront Functions alike: no AWS types, no I/O, no clock,
 * and only the syntax and the built-ins of the latter's runtime, as in the normalizer.
 */

/**
 * The cookie whose value is the Unix time, in seconds, at which the viewer wrote. If the
 * application sets it itself, the edge does not replace it. `__Host-` keeps other hosts from
 * setting it: "The `__Host-` Prefix", RFC 6265bis.
 */
export const RECENT_WRITER_COOKIE = '__Host-isochrone-wrote';

/** The attributes of the cookie in `Set-Cookie`. */
export function recentWriterAttributes(recentWriterSeconds: number): string {
  return `Max-Age=${recentWriterSeconds}; Path=/; Secure; HttpOnly; SameSite=Lax`;
}

/**
 * Whether a method is safe: "Safe Methods", RFC 9110, section 9.2.1. CloudFront does not forward
 * TRACE.
 */
export function isRead(method: string): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS';
}

/**
 * Whether a request may have written something, by its method and the status of the response. A
 * redirect counts, because many forms answer a write with one.
 *
 * @throws TypeError if the method or the status is missing
 */
export function isWrite(method: string, status: number): boolean {
  if (typeof method !== 'string' || !(status >= 100))
    throw new TypeError('The method or the status is missing.');
  return !isRead(method) && status < 400;
}

/**
 * Whether one of the cookie's values is a time at most `recentWriterSeconds` away. The time may be
 * in the future, because the clocks of two edge locations differ. Any other value is ignored: in
 * the worst case, a read is as old as the replica.
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
