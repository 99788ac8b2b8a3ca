/**
 * Header fields of a response that limit its lifetime. RFC 9111 applies where CloudFront's
 * documentation is silent.
 */
import type { HeaderFields } from '../messages';

/**
 * Directives by name; a missing argument is ''. The first of two equal directives counts: RFC 9111,
 * 4.2.1.
 */
export type Directives = ReadonlyMap<string, string>;

/** Larger numbers of seconds are treated as this value: RFC 9111, 1.2.2. */
const MOST_SECONDS = 2 ** 31;
const DIRECTIVE = /([^\s,="]+)(?:=(?:"((?:[^"\\]|\\.)*)"|([^\s,]*)))?/g;
const NONE: Directives = new Map();

/**
 * Parses `Cache-Control`. Names are case-insensitive, and a quoted string is one argument whatever
 * it contains: RFC 9111, 5.2.
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
 * The argument of a directive in seconds.
 *
 * @returns undefined without the directive; 0 if its argument is not a number, because RFC 9111,
 * 4.2.1, encourages caches to consider such a response stale
 */
export function secondsOf(directives: Directives, name: string): number | undefined {
  const argument = directives.get(name);
  if (argument === undefined) return undefined;
  return /^\d+$/.test(argument) ? Math.min(Number(argument), MOST_SECONDS) : 0;
}

/**
 * The age of a response in seconds when it arrived. An invalid `Age` is ignored, and the first of
 * several counts: RFC 9111, 5.1.
 */
export function ageOnArrival(headers: HeaderFields, nowMs: number): number {
  const stated = /^\s*(\d+)\s*(?:,|$)/.exec(headers.age?.[0] ?? '')?.[1];
  const sent = dateOf(headers.date);
  // The larger of the stated and the apparent age: RFC 9111, 4.2.3.
  const apparent = sent === undefined ? 0 : Math.max(0, Math.floor((nowMs - sent) / 1000));
  return Math.max(apparent, Math.min(Number(stated ?? 0), MOST_SECONDS));
}

/**
 * Seconds from `Date` to `Expires`: undefined without `Expires`, 0 if it is not a valid date: RFC
 * 9111, 5.3.
 */
export function expiresAfter(headers: HeaderFields, nowMs: number): number | undefined {
  if (headers.expires === undefined) return undefined;
  const expires = dateOf(headers.expires);
  if (expires === undefined) return 0;
  return Math.max(0, Math.floor((expires - (dateOf(headers.date) ?? nowMs)) / 1000));
}

const DATE = new RegExp(
  '^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \\d{2} ' +
    '(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \\d{4} \\d{2}:\\d{2}:\\d{2} GMT$',
  'i',
);

/**
 * Parses a date into milliseconds since 1970. Only the format that CloudFront documents is valid,
 * `Sat, 27 Jun 2015 23:59:59 GMT`: "Use headers to control cache duration for individual objects".
 */
export function dateOf(fields: readonly string[] | undefined): number | undefined {
  const [text = '', second] = fields ?? [];
  const time = second === undefined && DATE.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(time) ? undefined : time;
}
