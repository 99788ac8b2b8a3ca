/**
 * The core of the origin routing on paths that reads and writes share: reads go to the nearest region, writes to the primary
 * one, batch work to the one that is named for it.
 *
 * Pure functions: no AWS types, no I/O, no clock.
 */
import type { RouteOriginSettings } from '../../lib/edge-settings';
import type { Headers } from '../normalize-cache-key/lambda-request';
import { findRule } from '../normalize-cache-key/normalize';

/** The part of a request to the origin that is read and written here. */
export interface OriginRequest {
  readonly method: string;
  readonly uri: string;
  readonly headers: Headers;
  readonly origin?: { readonly custom?: { readonly domainName: string } };
}

/**
 * The cookie by which a viewer is known to have written, in Unix seconds. An application sets it with the answer to a write,
 * as `__Host-isochrone-wrote=1795255200; Max-Age=10; Path=/; Secure; HttpOnly; SameSite=Lax`: until the replicas have caught
 * up, the viewer then reads what was written. `__Host-` keeps other hosts from setting it: "The `__Host-` Prefix", RFC 6265bis.
 */
export const RECENT_WRITER_COOKIE = '__Host-isochrone-wrote';

/** "Safe Methods", RFC 9110, section 9.2.1; CloudFront passes no TRACE on. */
const READS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * The request, sent to the name that fits it, with the `Host` header of that name. Batch patterns come before the method. A
 * request to an origin in S3 stays as it is.
 *
 * @param request is not changed
 * @param nowSeconds Unix time
 */
export function chooseOrigin<Request extends OriginRequest>(request: Request, settings: RouteOriginSettings, nowSeconds: number): Request {
  const custom = request.origin?.custom;
  if (custom === undefined) return request;
  const domainName = nameFor(request, settings, nowSeconds);
  return {
    ...request,
    headers: { ...request.headers, host: [{ key: 'Host', value: domainName }] },
    origin: { ...request.origin, custom: { ...custom, domainName } },
  };
}

function nameFor({ method, uri, headers }: OriginRequest, settings: RouteOriginSettings, nowSeconds: number): string {
  const batch = findRule(settings.paths, uri)?.batch;
  if (settings.batchName !== undefined && batch !== undefined && findRule(batch, uri) !== undefined) return settings.batchName;
  const reads = READS.has(method) && !wroteRecently(headers.cookie ?? [], settings.recentWriterSeconds, nowSeconds);
  return reads ? settings.readName : settings.writeName;
}

/** A time that is no number, lies in the future or too far back counts as none: at worst, a read is as old as the replica. */
function wroteRecently(cookies: readonly { readonly value: string }[], maxAgeSeconds: number, nowSeconds: number): boolean {
  return cookies
    .flatMap(({ value }) => value.split(';'))
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${RECENT_WRITER_COOKIE}=`))
    .map((pair) => pair.slice(RECENT_WRITER_COOKIE.length + 1))
    .some((time) => /^\d{1,12}$/.test(time) && Number(time) <= nowSeconds && nowSeconds - Number(time) <= maxAgeSeconds);
}
