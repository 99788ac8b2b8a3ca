import { describeValue, IsochroneError } from '../../model/errors';

/** The outcome for one path. */
export interface EdgePathOutcome {
  readonly path: string;
  /** Why the path was not accepted, or may not be; absent if it was. */
  readonly error?: string;
}

/**
 * Invalidates the copies of a content delivery network. It never rejects: the outcome lists the
 * paths that were not accepted, or may not be.
 */
export interface EdgeInvalidator {
  /**
   * @param paths as `edgePath` makes them
   * @param reference identifies this request: a second request with the same reference and paths
   * has no effect
   */
  invalidate(paths: readonly string[], reference: string): Promise<readonly EdgePathOutcome[]>;
  /**
   * From now on, each request is tried once. Requests that wait for a retry end as not accepted.
   */
  close(): Promise<void>;
}

/**
 * The longest path, in characters: "What you need to know when invalidating files", Amazon
 * CloudFront developer guide.
 */
const MAX_PATH_LENGTH = 4000;

/**
 * A path in the form that CloudFront compares: with a leading slash, and with all characters
 * escaped that a URL does not allow. Existing escapes stay as they are.
 *
 * @param owner the function or rule that the path comes from, for the error message
 * @throws IsochroneError for an asterisk that is not at the end, and for a path that is too long
 */
export function edgePath(path: string, owner = 'edgePath'): string {
  const refuse = (allowed: string, rule: string, fix: string): never => {
    throw new IsochroneError(
      `${owner}: the path must be ${allowed}, got ${describeValue(path)}.\n${rule} ${fix}`,
    );
  };
  if (path.slice(0, -1).includes('*')) {
    refuse(
      'without an asterisk but at its end',
      'Elsewhere, CloudFront reads it literally, and the path matches no request.',
      'End the path where it begins to vary, or escape it as %2A.',
    );
  }
  const slashed = path.startsWith('/') ? path : `/${path}`;
  const escaped = Buffer.from(slashed)
    .toString()
    // RFC 3986: the characters of a path or a query, and a percent sign only before two hexadecimal
    // digits.
    .replace(/%(?![0-9A-Fa-f]{2})|[^\w\-.~!$&'()*+,;=:@/?%]+/g, (unsafe) =>
      encodeURIComponent(unsafe),
    );
  if (escaped.length > MAX_PATH_LENGTH) {
    refuse(
      `at most ${MAX_PATH_LENGTH} characters long`,
      'CloudFront accepts no longer path.',
      'Shorten the path, and end it with an asterisk.',
    );
  }
  return escaped;
}
