import { describeValue, IsochroneError } from '../../model/errors';

/**
 * "What you need to know when invalidating files", Amazon CloudFront developer guide: characters of
 * one path.
 */
const MAX_PATH_LENGTH = 4000;

/**
 * A path as CloudFront compares it: with a slash first, and with everything escaped that may not
 * stand in a URL. What is escaped already stays as it is.
 *
 * @throws IsochroneError for an asterisk that is not at the end, and for a path that is too long
 */
export function edgePath(path: string, where = 'edgePath'): string {
  const refuse = (allowed: string, rule: string, fix: string): never => {
    throw new IsochroneError(
      `${where}: the path must be ${allowed}, got ${describeValue(path)}.\n${rule} ${fix}`,
    );
  };
  if (path.slice(0, -1).includes('*')) {
    refuse(
      'without an asterisk but at its end',
      'Elsewhere, CloudFront takes it for a letter, and the path for one that nobody asked for.',
      'End the path where it begins to vary, or escape it as %2A.',
    );
  }
  const slashed = path.startsWith('/') ? path : `/${path}`;
  const escaped = Buffer.from(slashed)
    .toString()
    // RFC 3986: what may stand in a path or a query; a percent sign only before two hexadecimal
    // digits.
    .replace(/%(?![0-9A-Fa-f]{2})|[^\w\-.~!$&'()*+,;=:@/?%]+/g, (unsafe) =>
      encodeURIComponent(unsafe),
    );
  if (escaped.length > MAX_PATH_LENGTH) {
    refuse(
      `at most ${MAX_PATH_LENGTH} characters long`,
      'CloudFront takes no longer one.',
      'End a part of it with an asterisk.',
    );
  }
  return escaped;
}
