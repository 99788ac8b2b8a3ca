/** The record of a request, and parsers for the fields that several formats have. */
import type { HeaderFields } from '../messages';

/** One request of an access log. */
export interface LogRecord {
  /** Milliseconds since 1970, at the precision of the log. */
  readonly timeMs: number;
  readonly method: string;
  /**
   * In lower case, without the port.
   *
   * @default - the log has no host
   */
  readonly host?: string;
  /** As sent, with its leading slash. */
  readonly path: string;
  /** As sent, without the question mark. */
  readonly query: string;
  /** The request headers that the log contains. */
  readonly headers: HeaderFields;
  readonly clientAddress: string;
  readonly status: number;
  /** Bytes of the body; bytes with the header fields if the log does not separate them. */
  readonly bytes: number;
  /**
   * How long the origin took.
   *
   * @default - the log has no duration
   */
  readonly originMs?: number;
  /**
   * As CloudFront logs it, such as `NRT57-P1`.
   *
   * @default - the log has no edge location
   */
  readonly edgeLocation?: string;
  readonly contentType?: string;
}

/**
 * A parsed line: a request, the reason why the line is broken, or undefined for a header or
 * comment.
 */
export type ParsedLine = LogRecord | string | undefined;
export type LineParser = (line: string) => ParsedLine;

export type RequestTarget = Pick<LogRecord, 'method' | 'host' | 'path' | 'query'>;

const REQUEST_LINE = /^([A-Z][A-Z-]*) (\S.*?)(?: HTTP\/\d(?:\.\d)?)?$/;
const ABSOLUTE = /^[a-z]+:\/\/([^/?#]*)(.*)$/is;

/** Parses `GET /a?b HTTP/1.1`. The target may be a whole URL, as in load balancer logs. */
export function parseRequestLine(text: string): RequestTarget | undefined {
  const match = REQUEST_LINE.exec(text);
  return match ? requestTarget(match[1] as string, match[2] as string) : undefined;
}

/**
 * Splits the target of a request. A fragment never reaches a server, so `#` is an ordinary
 * character.
 *
 * @param url a path with its query, or a whole URL
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

/** The value of a field; undefined if it is empty or a dash. */
export function fieldValue(value: string | undefined): string | undefined {
  return value === undefined || value === '-' || value === '' ? undefined : value;
}

export function headerFields(fields: Readonly<Record<string, string | undefined>>): HeaderFields {
  // Without a prototype: a header may be called `constructor` or `__proto__`.
  const headers: Record<string, string[]> = Object.create(null);
  for (const name in fields) {
    const value = fieldValue(fields[name]);
    if (value !== undefined) headers[name] = [value];
  }
  return headers;
}

/** The status that the viewer got; undefined for 000, which means that no response was sent. */
export function statusCode(value: string | undefined): number | undefined {
  return value !== undefined && /^[1-9]\d\d$/.test(value) ? Number(value) : undefined;
}

/** A number of bytes; a dash means 0. */
export function byteCount(value: string | undefined): number | undefined {
  const text = fieldValue(value) ?? '0';
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/**
 * Converts seconds with an optional fraction to milliseconds; undefined for a dash, and for -1,
 * which load balancers log if there was no response.
 */
export function milliseconds(seconds: string | undefined): number | undefined {
  const value = fieldValue(seconds);
  return value !== undefined && /^\d+(\.\d+)?$/.test(value) ? Number(value) * 1000 : undefined;
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const COMMON_TIME = /^(\d\d)\/([A-Z][a-z]{2})\/(\d{4}):(\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)$/;

/** Parses the time format of Apache and nginx, `17/Nov/2013:06:31:30 -0500`. */
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

/** Parses ISO 8601. Without a time zone, the time is UTC. */
export function parseIsoTime(text: string): number | undefined {
  const match = ISO_TIME.exec(text);
  if (!match) return undefined;
  const time = Date.parse(match[2] === undefined ? `${text}Z` : text);
  return Number.isNaN(time) ? undefined : time;
}

/** Parses a JSON object; undefined for any other text. */
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
