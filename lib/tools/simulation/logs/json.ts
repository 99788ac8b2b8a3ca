/**
 * One JSON object per line, with the names of nginx variables: "Alphabetical index of variables",
 * nginx documentation. `http_NAME` is the request header `NAME`.
 */
import {
  byteCount,
  fieldValue,
  headerFields,
  hostName,
  jsonObject,
  milliseconds,
  type ParsedLine,
  parseCommonTime,
  parseIsoTime,
  parseRequestLine,
  requestTarget,
  statusCode,
} from './record';

const HEADER = 'http_';

/** The latest time that a `Date` can represent: "Time Values and Time Range", ECMAScript. */
const LAST_MOMENT_MS = 8.64e15;

export function parseJson(line: string): ParsedLine {
  const object = jsonObject(line);
  if (object === undefined) return 'not a JSON object';
  const text = (...names: readonly string[]) => {
    const name = names.find((each) => object[each] !== undefined && object[each] !== null);
    return name === undefined ? undefined : fieldValue(String(object[name]));
  };
  const timeMs = timeOf(
    text('time_local', 'time_iso8601', 'time', 'timestamp', '@timestamp', 'msec'),
  );
  if (timeMs === undefined) return 'no time: time_local, time_iso8601, time, timestamp or msec';
  const request = text('request');
  const target =
    request === undefined
      ? requestTarget(
          text('request_method', 'method') ?? '',
          text('request_uri', 'uri', 'url', 'path') ?? '',
        )
      : parseRequestLine(request);
  if (!target?.method) return 'no request: request, or request_method and request_uri';
  const status = statusCode(text('status'));
  if (status === undefined) return 'no status';
  const bytes = byteCount(text('body_bytes_sent', 'bytes_sent', 'bytes'));
  if (bytes === undefined) return 'no size';
  const headers = Object.keys(object).filter(
    (name) => name.startsWith(HEADER) && name !== 'http_host' && name !== 'http_x_forwarded_for',
  );
  return {
    ...target,
    host: target.host ?? hostName(text('http_host', 'host')),
    timeMs,
    headers: headerFields(
      Object.fromEntries(
        headers.map((name) => [name.slice(HEADER.length).replace(/_/g, '-'), text(name)]),
      ),
    ),
    // The first address is the viewer's if the server is behind a load balancer.
    clientAddress:
      text('http_x_forwarded_for')?.split(',')[0]?.trim() ?? text('remote_addr', 'client_ip') ?? '',
    status,
    bytes,
    originMs: milliseconds(text('upstream_response_time')) ?? milliseconds(text('request_time')),
    contentType: text('sent_http_content_type', 'content_type'),
  };
}

/** Parses nginx's `$time_local`, ISO 8601, or seconds since 1970 with an optional fraction. */
function timeOf(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const timeMs = parseCommonTime(value) ?? parseIsoTime(value) ?? milliseconds(value);
  return timeMs !== undefined && timeMs <= LAST_MOMENT_MS ? timeMs : undefined;
}
