/**
 * Application Load Balancer access logs: fields in a fixed order, separated by spaces. "Access logs
 * for your Application Load Balancer", Elastic Load Balancing user guide.
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

/** Indexes of the fields. */
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
  if (!TYPE.test(line)) return 'not a load balancer entry';
  const fields = Array.from(line.matchAll(FIELD), ([, quoted, plain]) => quoted ?? plain ?? '');
  // The creation time is when the request arrived. The first field is when the response was sent.
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
