/** The supported formats of access logs, and their detection. */
import { IsochroneError } from '../../../model/errors';
import { parseAlb } from './alb';
import { cloudFrontParser, parseCloudFrontJson } from './cloudfront';
import { parseCombined } from './combined';
import { parseJson } from './json';
import type { LineParser } from './record';

/** The name of a log format, as the option `--format` takes it. */
export type LogFormatName = 'cloudfront' | 'cloudfront-json' | 'json' | 'alb' | 'combined';

/** A parser may have state, so each file gets its own. */
const FORMATS: Readonly<Record<LogFormatName, () => LineParser>> = {
  cloudfront: cloudFrontParser,
  'cloudfront-json': () => parseCloudFrontJson,
  json: () => parseJson,
  alb: () => parseAlb,
  combined: () => parseCombined,
};

export const LOG_FORMATS = Object.keys(FORMATS) as readonly LogFormatName[];

/** How many lines the detection reads. */
export const DETECTION_LINES = 50;

export function isLogFormat(name: string): name is LogFormatName {
  return Object.hasOwn(FORMATS, name);
}

export function lineParser(format: LogFormatName): LineParser {
  return FORMATS[format]();
}

/**
 * Detects the format that can parse most of the lines.
 *
 * @throws IsochroneError if no format can parse a line
 */
export function detectFormat(file: string, lines: readonly string[]): LogFormatName {
  const readable = LOG_FORMATS.map((format) => {
    const parse = lineParser(format);
    return { format, lines: lines.filter((line) => typeof parse(line) === 'object').length };
  });
  const best = readable.reduce((a, b) => (b.lines > a.lines ? b : a));
  if (best.lines > 0) return best.format;
  // A CloudFront log without requests has only its header.
  if (lines.some((line) => line.startsWith('#Fields:'))) return 'cloudfront';
  throw new IsochroneError(
    `${file}: none of the first ${lines.length} lines is in a supported format.\n` +
      `The formats are ${LOG_FORMATS.join(', ')}. ` +
      'Choose one with `--format` to get an error for each line.',
  );
}
