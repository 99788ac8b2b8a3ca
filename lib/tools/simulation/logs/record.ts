/** One request of an access log, and the pieces from which every reader makes it. */
import type { HeaderFields } from '../messages';

export interface LogRecord {
  /** Milliseconds since 1970, as precise as the log is. */
  readonly timeMs: number;
  readonly method: string;
  /** In lower case, without the port; undefined where the log has none. */
  readonly host?: string;
  /** As it was sent, with its first slash. */
  readonly path: string;
  /** As it was sent, without the question mark. */
  readonly query: string;
  /** Those that the log has. */
  readonly headers: HeaderFields;
  readonly clientAddress: string;
  readonly status: number;
  /** Of the body where the log tells them apart, with the header fields otherwise. */
  readonly bytes: number;
  /** How long the origin took, where the log says so. */
  readonly originMs?: number;
  /** As CloudFront logs it: `NRT57-P1`. */
  readonly edgeLocation?: string;
  readonly contentType?: string;
}

/**
 * A line as read: a request, why it is none, or undefined for a line that is not meant to be one.
 */
export type ParsedLine = LogRecord | string | undefined;
export type LineParser = (line: string) => ParsedLine;

export type RequestTarget = Pick<LogRecord, 'method' | 'host' | 'path' | 'query'>;

const REQUEST_LINE = /^([A-Z][A-Z-]*) (\S.*?)(?: HTTP\/\d(?:\.\d)?)?$/;
const ABSOLUTE = /^[a-z]+:\/\/([^/?#]*)(.*)$/is;

/** `GET /a?b HTTP/1.1`, also with a whole URL, as load balancers log it. */
export function parseRequestLine(text: string): RequestTarget | undefined {
  const match = REQUEST_LINE.exec(text);
  return match ? requestTarget(match[1] as string, match[2] as string) : undefined;
}

/**
 * @param url a path with its query, or a whole URL; a fragment never reaches a server, so `#` is a
 * character like others
 */
export function requestTarget(method: string, url: string): RequestTarget | undefined {
  const absolute = ABSOLUTE.exec(url);
  const local = absolute ? absolute[2] || '/' : url;
  const target = absolute && !local.startsWith('/') ? `/${local}` : local;
  if (!target.startsWith('/')) return undefined;
  const mark = target.indexOf('?');
  return {
    method,
    host: absolute ? hostName(absolute[1]) : undefined,
    path: mark < 0 ? target : target.slice(0, mark),
    query: mark < 0 ? '' : target.slice(mark + 1),
  };
}

/** In lower case and without the port. */
export function hostName(value: string | undefined): string | undefined {
  return fieldValue(value)?.toLowerCase().replace(/:\d+$/, '');
}

/** A field's value; undefined if the log has a dash or nothing in its place. */
export function fieldValue(value: string | undefined): string | undefined {
  return value === undefined || value === '-' || value === '' ? undefined : value;
}

export function headerFields(fields: Readonly<Record<string, string | undefined>>): HeaderFields {
  const headers: Record<string, string[]> = {};
  for (const name in fields) {
    const value = fieldValue(fields[name]);
    if (value !== undefined) headers[name] = [value];
  }
  return headers;
}

/**
 * A status that a viewer was sent; undefined for 000, with which logs say that nothing was sent.
 */
export function statusCode(value: string | undefined): number | undefined {
  return value !== undefined && /^[1-9]\d\d$/.test(value) ? Number(value) : undefined;
}

/** Bytes; a dash stands for none. */
export function byteCount(value: string | undefined): number | undefined {
  const text = fieldValue(value) ?? '0';
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/**
 * Seconds with a fraction, in milliseconds; undefined for a dash, and for -1, with which load
 * balancers say that there was no answer.
 */
export function milliseconds(seconds: string | undefined): number | undefined {
  const value = fieldValue(seconds);
  return value !== undefined && /^\d+(\.\d+)?$/.test(value) ? Number(value) * 1000 : undefined;
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const COMMON_TIME = /^(\d\d)\/([A-Z][a-z]{2})\/(\d{4}):(\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)$/;

/** `17/Nov/2013:06:31:30 -0500`, as Apache and nginx write it. */
export function parseCommonTime(text: string): number | undefined {
  const match = COMMON_TIME.exec(text);
  const month = MONTHS.indexOf(match?.[2] ?? '');
  if (!match || month < 0) return undefined;
  const [, day, , year, hour, minute, second, sign, zoneHours, zoneMinutes] = match;
  const local = Date.UTC(
    Number(year),
    month,
    Number(day),
    Number(hour),
    Number(minute),
    Number(second),
  );
  return local - (sign === '-' ? -1 : 1) * (Number(zoneHours) * 60 + Number(zoneMinutes)) * 60_000;
}

const ISO_TIME = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?$/;

/** ISO 8601; without a zone, UTC. */
export function parseIsoTime(text: string): number | undefined {
  const match = ISO_TIME.exec(text);
  if (!match) return undefined;
  const time = Date.parse(match[2] === undefined ? `${text}Z` : text);
  return Number.isNaN(time) ? undefined : time;
}

/** Undefined if it is not an object. */
export function jsonObject(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return value !== null && typeof value === 'object' && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
