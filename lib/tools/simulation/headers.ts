/** Operations on header fields that several folders of the model share. */
import type { HeaderFields } from './messages';

/** Fields that concern one connection only: RFC 9110, 7.6.1. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Returns the fields whose names `accepts` returns true for. */
export function filterHeaders(
  headers: HeaderFields,
  accepts: (name: string) => boolean,
): HeaderFields {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => accepts(name)));
}

/** The cookies of a request, each as `name=value`. */
export function cookiesOf({ cookie = [] }: HeaderFields): string[] {
  return cookie
    .flatMap((field) => field.split(';'))
    .map((pair) => pair.trim())
    .filter((pair) => pair !== '');
}

/** Removes hop-by-hop fields, including those that `Connection` lists. */
export function endToEndHeaders(headers: HeaderFields): HeaderFields {
  const listed = (headers.connection ?? [])
    .flatMap((value) => value.split(','))
    .map((name) => name.trim().toLowerCase());
  return filterHeaders(headers, (name) => !HOP_BY_HOP.has(name) && !listed.includes(name));
}
