/**
 * Reads an access log as requests in time order. Invalid lines are counted and do not stop the
 * reader.
 */
import { IsochroneError } from '../../../model/errors';
import { DETECTION_LINES, detectFormat, type LogFormatName, lineParser } from './formats';
import { type LineOptions, MAX_LINE_CHARACTERS, readLines } from './lines';
import { type Ordering, orderedByTime } from './order';
import type { LineParser, LogRecord } from './record';

/** How many examples of broken lines are kept, and how many characters of each. */
const BROKEN_EXAMPLES = 5;
const EXCERPT_CHARACTERS = 120;

/** What the reader found in a log. */
export interface LogSummary extends Ordering {
  readonly format: LogFormatName;
  /**
   * Lines that should be requests, parsed or broken. Header lines of CloudFront's logs do not
   * count.
   */
  readonly lines: number;
  readonly broken: number;
  readonly brokenExamples: readonly {
    readonly line: number;
    readonly reason: string;
    readonly text: string;
  }[];
  /**
   * Why the file is truncated or damaged.
   *
   * @default - it is not
   */
  readonly damaged?: string;
}

/** An opened access log, which can be read once. */
export interface Log {
  readonly records: AsyncIterable<LogRecord>;
  /** The summary of the lines read so far; complete when `records` has ended. */
  summary(): LogSummary;
}

export interface LogOptions extends Pick<LineOptions, 'onProgress' | 'fd'> {
  /** @default - detected from the first lines */
  readonly format?: LogFormatName;
}

/**
 * Opens a plain or compressed log.
 *
 * @throws IsochroneError if the log cannot be read or its format cannot be detected
 */
export async function openLog(
  file: string,
  { format, onProgress, fd }: LogOptions = {},
): Promise<Log> {
  let damaged: string | undefined;
  const lines = readLines(file, {
    onProgress,
    fd,
    onDamaged: (reason) => (damaged = reason),
  });
  const { records, summary } = await logOf(lines, file, format);
  return { records, summary: () => ({ ...summary(), damaged }) };
}

/**
 * Reads a log from lines that need not come from a file.
 *
 * @param name the name of the log in errors and reports
 * @param given the format; detected from the first lines by default
 * @throws IsochroneError if there are no lines or their format cannot be detected
 */
export async function logOf(
  lines: AsyncIterator<string>,
  name: string,
  given?: LogFormatName,
): Promise<Log> {
  const first: string[] = [];
  while (first.length < DETECTION_LINES) {
    const { value, done } = await lines.next();
    if (done) break;
    first.push(value);
  }
  if (first.length === 0)
    throw new IsochroneError(`${name}: the log has no lines.\nName another file with \`--log\`.`);
  const format = given ?? detectFormat(name, first);
  const tally = {
    lines: 0,
    broken: 0,
    brokenExamples: [] as { line: number; reason: string; text: string }[],
  };
  const ordering = { outOfOrder: 0, late: 0 };
  const rest = { [Symbol.asyncIterator]: () => lines };
  return {
    records: orderedByTime(parsed(first, rest, lineParser(format), tally), ordering),
    summary: () => ({ format, ...tally, ...ordering }),
  };
}

async function* parsed(
  first: readonly string[],
  rest: AsyncIterable<string>,
  parse: LineParser,
  tally: {
    lines: number;
    broken: number;
    brokenExamples: { line: number; reason: string; text: string }[];
  },
): AsyncGenerator<LogRecord> {
  let line = 0;
  const take = (text: string): LogRecord | undefined => {
    line++;
    const result =
      text.length >= MAX_LINE_CHARACTERS
        ? `longer than ${MAX_LINE_CHARACTERS} characters`
        : parse(text);
    if (result === undefined) return undefined;
    tally.lines++;
    if (typeof result === 'object') return result;
    tally.broken++;
    if (tally.brokenExamples.length < BROKEN_EXAMPLES)
      tally.brokenExamples.push({ line, reason: result, text: excerpt(text) });
    return undefined;
  };
  for (const text of first) {
    const record = take(text);
    if (record) yield record;
  }
  for await (const text of rest) {
    const record = take(text);
    if (record) yield record;
  }
}

/** Replaces control characters, which a terminal would execute, by dots. */
function excerpt(text: string): string {
  const printable = text.slice(0, EXCERPT_CHARACTERS).replace(/[^\x20-\x7e]/g, '·');
  return text.length > EXCERPT_CHARACTERS ? `${printable}…` : printable;
}
