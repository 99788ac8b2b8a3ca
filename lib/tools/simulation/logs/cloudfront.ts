/**
 * CloudFront access logs: "Standard logging reference" and "Configure standard logging (v2)",
 * Amazon CloudFront developer guide. Both versions have the same fields: version 1 in columns named
 * by a `#Fields` line, version 2 in JSON.
 */
import {
  byteCount,
  fieldValue,
  headerFields,
  hostName,
  jsonObject,
  type LineParser,
  type LogRecord,
  type ParsedLine,
  parseIsoTime,
  statusCode,
} from './record';

type Fields = Readonly<Record<string, string | undefined>>;

const FIELDS = '#Fields:';

/** The last `#Fields` line names the columns, so concatenated files may have different columns. */
export function cloudFrontParser(): LineParser {
  let names: readonly string[] = [];
  return (line) => {
    if (line.startsWith(FIELDS)) names = line.slice(FIELDS.length).trim().split(/\s+/);
    if (line.startsWith('#')) return undefined;
    if (names.length === 0) return 'no #Fields line before it';
    const values = line.split('\t');
    if (values.length < names.length) return `${values.length} of ${names.length} columns`;
    return recordOf(Object.fromEntries(names.map((name, i) => [name, values[i]])));
  };
}

export function parseCloudFrontJson(line: string): ParsedLine {
  const fields = jsonObject(line);
  if (fields === undefined) return 'not a JSON object';
  return recordOf(
    Object.fromEntries(
      Object.entries(fields).map(([name, value]) => [
        name,
        value === null ? undefined : String(value),
      ]),
    ),
  );
}

function recordOf(fields: Fields): LogRecord | string {
  const timeMs = timeOf(fields);
  if (timeMs === undefined) return 'no time';
  const method = fieldValue(fields['cs-method']);
  const path = decoded(fields['cs-uri-stem']);
  if (method === undefined || !path?.startsWith('/')) return 'no request';
  const status = statusCode(fields['sc-status']);
  if (status === undefined)
    return fields['sc-status'] === '000'
      ? 'status 000: the viewer disconnected before a response'
      : 'no status';
  const bytes = byteCount(fieldValue(fields['sc-content-len']) ?? fields['sc-bytes']);
  if (bytes === undefined) return 'no size';
  return {
    timeMs,
    method,
    host: hostName(fields['x-host-header']) ?? hostName(fields['cs(Host)']),
    path,
    query: decoded(fields['cs-uri-query']) ?? '',
    headers: headerFields({
      'user-agent': decoded(fields['cs(User-Agent)']),
      referer: decoded(fields['cs(Referer)']),
      cookie: decoded(fields['cs(Cookie)']),
    }),
    clientAddress: fields['c-ip'] ?? '',
    status,
    bytes,
    edgeLocation: fieldValue(fields['x-edge-location']),
    contentType: decoded(fields['sc-content-type']),
  };
}

function timeOf(fields: Fields): number | undefined {
  const precise = fieldValue(fields['timestamp(ms)']);
  if (precise !== undefined && /^\d{1,15}$/.test(precise)) return Number(precise);
  const seconds = fieldValue(fields.timestamp);
  if (seconds !== undefined && /^\d{1,12}$/.test(seconds)) return Number(seconds) * 1000;
  return parseIsoTime(`${fields.date}T${fields.time}Z`);
}

/**
 * CloudFront escapes characters outside plain ASCII and the percent sign. Decoding once restores
 * what the viewer sent.
 */
function decoded(value: string | undefined): string | undefined {
  return fieldValue(value)?.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}
