/**
 * Header fields of an answer that say how long it may be kept, read as RFC 9111 reads them where
 * CloudFront's documentation says nothing.
 */
import type { HeaderFields } from '../messages';

/**
 * An argument without one is ''; of a directive that comes twice, the first counts: RFC 9111,
 * 4.2.1.
 */
export type Directives = ReadonlyMap<string, string>;

/** A number of seconds above it is taken for it: RFC 9111, 1.2.2. */
const MOST_SECONDS = 2 ** 31;
const DIRECTIVE = /([^\s,="]+)(?:=(?:"((?:[^"\\]|\\.)*)"|([^\s,]*)))?/g;
const NONE: Directives = new Map();

/**
 * Names in any case; what stands in quotes is one argument, whatever it looks like: RFC 9111, 5.2.
 */
export function directivesOf(headers: HeaderFields): Directives {
  const fields = headers['cache-control'];
  if (fields === undefined) return NONE;
  const directives = new Map<string, string>();
  for (const [, name = '', quoted, plain = ''] of fields.join(',').matchAll(DIRECTIVE)) {
    const key = name.toLowerCase();
    if (!directives.has(key)) directives.set(key, quoted ?? plain);
  }
  return directives;
}

/**
 * @returns undefined without the directive, and 0 if its argument is no number: such an answer is
 * best taken for stale, RFC 9111, 4.2.1
 */
export function secondsOf(directives: Directives, name: string): number | undefined {
  const argument = directives.get(name);
  if (argument === undefined) return undefined;
  return /^\d+$/.test(argument) ? Math.min(Number(argument), MOST_SECONDS) : 0;
}

/**
 * Seconds by which an answer was old when it came. An `Age` that is no number is ignored, and of
 * several the first counts: RFC 9111, 5.1.
 */
export function ageOnArrival(headers: HeaderFields, nowMs: number): number {
  const stated = /^\s*(\d+)\s*(?:,|$)/.exec(headers.age?.[0] ?? '')?.[1];
  const sent = dateOf(headers.date);
  // The larger of what it says and what its date shows: RFC 9111, 4.2.3.
  const apparent = sent === undefined ? 0 : Math.max(0, Math.floor((nowMs - sent) / 1000));
  return Math.max(apparent, Math.min(Number(stated ?? 0), MOST_SECONDS));
}

/**
 * Seconds from `Date` to `Expires`; undefined without `Expires`, 0 if it is no date: RFC 9111, 5.3.
 */
export function expiresAfter(headers: HeaderFields, nowMs: number): number | undefined {
  if (headers.expires === undefined) return undefined;
  const expires = dateOf(headers.expires);
  if (expires === undefined) return 0;
  return Math.max(0, Math.floor((expires - (dateOf(headers.date) ?? nowMs)) / 1000));
}

const DATE =
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d{2}:\d{2}:\d{2} GMT$/i;

/**
 * Milliseconds. Only in the form that the documentation of CloudFront shows, `Sat, 27 Jun 2015
 * 23:59:59 GMT`: "Use headers to control cache duration for individual objects".
 */
export function dateOf(fields: readonly string[] | undefined): number | undefined {
  const [text = '', second] = fields ?? [];
  const time = second === undefined && DATE.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(time) ? undefined : time;
}
