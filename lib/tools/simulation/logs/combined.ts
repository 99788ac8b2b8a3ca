/**
 * The common and the combined log format of Apache and nginx: "Log Files", Apache HTTP Server
 * documentation; "Module ngx_http_log_module", nginx documentation. Fields after those of the
 * format are ignored.
 */
import {
  byteCount,
  fieldValue,
  headerFields,
  type ParsedLine,
  parseCommonTime,
  parseRequestLine,
  statusCode,
} from './record';

const QUOTED = '"((?:[^"\\\\]|\\\\.)*)"';
/** The time excludes brackets, so a line full of brackets does not cause quadratic backtracking. */
const LINE = new RegExp(
  `^(\\S+) \\S+ .+? \\[([^[\\]]*)\\] ${QUOTED} (\\S+) (\\S+)(?: ${QUOTED} ${QUOTED})?`,
);

export function parseCombined(line: string): ParsedLine {
  const match = LINE.exec(line);
  if (!match) return 'not in the common or combined format';
  const [, address = '', time = '', request = '', status, size, referer, agent] = match;
  const timeMs = parseCommonTime(time);
  if (timeMs === undefined) return 'no time such as 17/Nov/2013:06:31:30 -0500';
  const target = parseRequestLine(unescaped(request));
  if (!target) return 'no request line';
  const code = statusCode(status);
  if (code === undefined) return 'no status';
  const bytes = byteCount(size);
  if (bytes === undefined) return 'no size';
  const headers = headerFields({
    'user-agent': fieldValue(agent) && unescaped(agent ?? ''),
    referer: fieldValue(referer) && unescaped(referer ?? ''),
  });
  return { ...target, timeMs, headers, clientAddress: address, status: code, bytes };
}

/** Apache escapes as `\"` and `\\`; Apache and nginx escape as `\x22`. */
function unescaped(text: string): string {
  if (!text.includes('\\')) return text;
  return text.replace(
    /\\(?:x([0-9A-Fa-f]{2})|(.))/g,
    (_, hex: string | undefined, other: string) =>
      hex === undefined ? (ESCAPES[other] ?? other) : String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };
