/** The formats of access logs that can be read, and how one is told from the others. */
import { IsochroneError } from '../../../model/errors';
import { parseAlb } from './alb';
import { cloudFrontParser, parseCloudFrontJson } from './cloudfront';
import { parseCombined } from './combined';
import { parseJson } from './json';
import type { LineParser } from './record';

export type LogFormatName = 'cloudfront' | 'cloudfront-json' | 'json' | 'alb' | 'combined';

/** A parser may remember the lines before: one for each file. */
const FORMATS: Readonly<Record<LogFormatName, () => LineParser>> = {
  cloudfront: cloudFrontParser,
  'cloudfront-json': () => parseCloudFrontJson,
  json: () => parseJson,
  alb: () => parseAlb,
  combined: () => parseCombined,
};

export const LOG_FORMATS = Object.keys(FORMATS) as readonly LogFormatName[];

/** How many lines are looked at to tell the format. */
export const DETECTION_LINES = 50;

export function isLogFormat(name: string): name is LogFormatName {
  return Object.hasOwn(FORMATS, name);
}

export function lineParser(format: LogFormatName): LineParser {
  return FORMATS[format]();
}

/**
 * The format in which most of the lines make sense.
 *
 * @throws IsochroneError if none does in any
 */
export function detectFormat(file: string, lines: readonly string[]): LogFormatName {
  const readable = LOG_FORMATS.map((format) => {
    const parse = lineParser(format);
    return { format, lines: lines.filter((line) => typeof parse(line) === 'object').length };
  });
  const best = readable.reduce((a, b) => (b.lines > a.lines ? b : a));
  if (best.lines > 0) return best.format;
  // A CloudFront log of an hour without requests has its head only.
  if (lines.some((line) => line.startsWith('#Fields:'))) return 'cloudfront';
  throw new IsochroneError(
    `${file}: none of its first ${lines.length} lines is in a format that can be read.\n` +
      `The formats are ${LOG_FORMATS.join(', ')}. Name one with \`--format\` to see, line by line, why not.`,
  );
}
