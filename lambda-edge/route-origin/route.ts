/**
 * The core that routes requests of paths which reads and writes share: reads go to the nearest
 * region, writes to the primary one, and batch work to the batch origin.
 *
 * Pure functions: no AWS types, no I/O, no clock.
 */
import type { RouteOriginSettings } from '../../lib/model/contracts';
import { findRule, type Headers } from '../normalize-cache-key';
import { isRead, RECENT_WRITER_COOKIE, wroteRecently } from './recent-writer';

/** The part of a request to the origin that is read and written here. */
export interface OriginRequest {
  readonly method: string;
  readonly uri: string;
  readonly headers: Headers;
  readonly origin?: { readonly custom?: { readonly domainName: string } };
}

/**
 * The request with the domain name of its origin, also in the `Host` header. Batch patterns take
 * precedence over the method. A request to an origin in S3 stays as it is.
 *
 * @param request is not changed
 * @param nowSeconds the current Unix time
 */
export function chooseOrigin<Request extends OriginRequest>(
  request: Request,
  settings: RouteOriginSettings,
  nowSeconds: number,
): Request {
  const custom = request.origin?.custom;
  if (custom === undefined) return request;
  const domainName = originName(request, settings, nowSeconds);
  return {
    ...request,
    headers: { ...request.headers, host: [{ key: 'Host', value: domainName }] },
    origin: { ...request.origin, custom: { ...custom, domainName } },
  };
}

function originName(
  { method, uri, headers }: OriginRequest,
  settings: RouteOriginSettings,
  nowSeconds: number,
): string {
  const batch = findRule(settings.paths, uri)?.batch;
  if (settings.batchName !== undefined && batch !== undefined && findRule(batch, uri) !== undefined)
    return settings.batchName;
  if (!isRead(method)) return settings.writeName;
  const wrote = cookieValues(headers.cookie ?? [], RECENT_WRITER_COOKIE);
  return wroteRecently(wrote, settings.recentWriterSeconds, nowSeconds)
    ? settings.writeName
    : settings.readName;
}

function cookieValues(headers: readonly { readonly value: string }[], name: string): string[] {
  return headers
    .flatMap(({ value }) => value.split(';'))
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1));
}
