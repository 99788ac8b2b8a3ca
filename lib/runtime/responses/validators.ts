/** Conditional requests: RFC 9110, section 13. */
import type { IncomingHttpHeaders } from 'node:http';
import type { ContentCoding } from './negotiation';
import { headerText } from './rules';

const ENTITY_TAG = /^(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"$/;

export function isEntityTag(text: string): boolean {
  return ENTITY_TAG.test(text);
}

/**
 * The tag of one coding of an answer. Codings of one answer differ in their bytes, so their strong
 * tags must differ, too (RFC 9110, section 8.8.3.3). Ours get a suffix; a handler's strong tag,
 * which speaks about its own bytes, becomes a weak one.
 *
 * @param isOurs whether the cache made the tag
 */
export function entityTagOf(tag: string, coding: ContentCoding, isOurs: boolean): string {
  if (coding === 'identity') return tag;
  if (isOurs) return `${tag.slice(0, -1)}-${coding}"`;
  return tag.startsWith('W/') ? tag : `W/${tag}`;
}

/**
 * An IMF-fixdate; the two obsolete forms count as absent, which costs a full answer and no more.
 */
const HTTP_DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

function httpDate(text: string): number {
  return HTTP_DATE.test(text) ? Date.parse(text) : Number.NaN;
}

/**
 * Whether the client has this answer already. `If-None-Match` compares weakly (section 13.1.2);
 * with it, `If-Modified-Since` does not count (13.1.3).
 */
export function isNotModified(
  request: IncomingHttpHeaders,
  etag: string,
  lastModified: string | undefined,
): boolean {
  const noneMatch = request['if-none-match'];
  if (noneMatch !== undefined) {
    if (noneMatch.trim() === '*') return true;
    const opaque = (tag: string): string => (tag.startsWith('W/') ? tag.slice(2) : tag);
    return (noneMatch.match(/(?:W\/)?"[^"]*"/g) ?? []).some((tag) => opaque(tag) === opaque(etag));
  }
  if (lastModified === undefined) return false;
  return httpDate(lastModified) <= httpDate(headerText(request['if-modified-since']));
}

/** What a 304 carries: RFC 9110, section 15.4.5, and our own marks. */
export const HEADERS_OF_NOT_MODIFIED: ReadonlySet<string> = new Set([
  'age',
  'cache-control',
  'content-location',
  'etag',
  'expires',
  'last-modified',
  'vary',
]);
