/**
 * "Access logs for your Application Load Balancer", Elastic Load Balancing user guide: fields in
 * order, with spaces between.
 */
import {
  byteCount,
  fieldValue,
  headerFields,
  hostName,
  milliseconds,
  type ParsedLine,
  parseIsoTime,
  parseRequestLine,
  statusCode,
} from './record';

const FIELD = /"([^"]*)"|(\S+)/g;

/** Places of the fields that are read. */
const TIME = 1;
const CLIENT = 3;
const TARGET_SECONDS = 6;
const STATUS = 8;
const SENT_BYTES = 11;
const REQUEST = 12;
const AGENT = 13;
const SERVER_NAME = 18;
const CREATION_TIME = 21;

const TYPE = /^(?:https?|h2|grpcs|wss?) /;

export function parseAlb(line: string): ParsedLine {
  if (!TYPE.test(line)) return 'not an entry of a load balancer';
  const fields = Array.from(line.matchAll(FIELD), ([, quoted, plain]) => quoted ?? plain ?? '');
  // When the request came, if the entry says so; its first time is when the answer went.
  const timeMs = parseIsoTime(fields[CREATION_TIME] ?? '') ?? parseIsoTime(fields[TIME] ?? '');
  if (timeMs === undefined) return 'no time';
  const target = parseRequestLine(fields[REQUEST] ?? '');
  if (!target) return 'no request line';
  const status = statusCode(fields[STATUS]);
  if (status === undefined) return 'no status';
  const bytes = byteCount(fields[SENT_BYTES]);
  if (bytes === undefined) return 'no size';
  return {
    ...target,
    host: target.host ?? hostName(fields[SERVER_NAME]),
    timeMs,
    headers: headerFields({ 'user-agent': fieldValue(fields[AGENT]) }),
    clientAddress: (fields[CLIENT] ?? '').replace(/:\d+$/, ''),
    status,
    bytes,
    originMs: milliseconds(fields[TARGET_SECONDS]),
  };
}
