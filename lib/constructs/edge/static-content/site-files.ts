import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Duration } from 'aws-cdk-lib';
import { IsochroneError } from '../../../model/errors';

/** Includes or excludes the files that match a pattern in the syntax of `aws s3`. */
export interface FileFilter {
  readonly action: 'include' | 'exclude';
  readonly pattern: string;
}

/** Files of a site that are uploaded together, with the same `Cache-Control`. */
export interface SiteFiles {
  readonly kind: 'Hashed' | 'Others' | 'Pages';
  /** The last filter that matches a file decides. A file without a match is included. */
  readonly filters: readonly FileFilter[];
  readonly cacheControl: string;
}

/** For files whose name changes with their content: a year, and immutable (RFC 8246). */
const IMMUTABLE = 'public, max-age=31536000, immutable';

/**
 * For pages: caches keep them but revalidate each time, because an old page names old hashed files.
 */
const REVALIDATED = 'no-cache';

const HTML_PATTERNS = ['*.html', '*.htm'];

/**
 * Lengths of the hexadecimal hashes in names: Parcel's 8, Next.js's 16, webpack's 20, and that of
 * MD5.
 */
const HASH_LENGTHS = [8, 16, 20, 32];

const HASH_PATTERNS: readonly string[] = HASH_LENGTHS.map(
  (length) => `*[./-]${'[0-9a-f]'.repeat(length)}.*`,
);

/** Eight digits look like a hash of 8 characters, but are more often a date. */
const DATE_PATTERN = `*[./-]${'[0-9]'.repeat(8)}.*`;

/**
 * The kinds of files of a site, in the order of their upload. Each file is of exactly one kind.
 * Hashed files come first and pages last, so that no page names a file that is not uploaded yet.
 */
export function siteFiles(
  hashedFiles: readonly string[] | undefined,
  browserTtl: Duration,
  edgeTtl: Duration,
): readonly SiteFiles[] {
  const hashed = hashedFiles ?? HASH_PATTERNS;
  const unhashed = hashedFiles === undefined ? [DATE_PATTERN] : [];
  return [
    {
      kind: 'Hashed',
      filters: [
        exclude('*'),
        ...hashed.map(include),
        ...unhashed.map(exclude),
        ...HTML_PATTERNS.map(exclude),
      ],
      cacheControl: IMMUTABLE,
    },
    {
      kind: 'Others',
      filters: [...hashed.map(exclude), ...unhashed.map(include), ...HTML_PATTERNS.map(exclude)],
      cacheControl: `public, max-age=${browserTtl.toSeconds()}, s-maxage=${edgeTtl.toSeconds()}`,
    },
    {
      kind: 'Pages',
      filters: [exclude('*'), ...HTML_PATTERNS.map(include)],
      cacheControl: REVALIDATED,
    },
  ];
}

/** Whether the AWS CLI would upload a file. Its path is relative to the site, with slashes. */
export function isUploaded(file: string, filters: readonly FileFilter[]): boolean {
  return filters.findLast(({ pattern }) => matches(file, pattern))?.action !== 'exclude';
}

/**
 * The sorted paths of all files in a folder, with slashes. Like the AWS CLI, it follows links.
 *
 * @throws IsochroneError if a link is broken
 */
export function filesIn(folder: string, below = ''): string[] {
  return readdirSync(join(folder, below))
    .sort()
    .flatMap((name) => {
      const path = below === '' ? name : `${below}/${name}`;
      const found = statSync(join(folder, path), { throwIfNoEntry: false });
      if (found === undefined)
        throw new IsochroneError(
          `${join(folder, path)} is a broken link.\nRemove it, or build the site again.`,
        );
      return found.isDirectory() ? filesIn(folder, path) : [path];
    });
}

/**
 * Matches as Python's `fnmatch` does, which the AWS CLI filters with: `*`, `?`, `[…]` and `[!…]`. A
 * bracket that is never closed stands for itself.
 */
function matches(file: string, pattern: string): boolean {
  const expression = pattern.replace(
    /\[(!?)(\]?[^\]]*)\]|./gsu,
    (token, not?: string, set?: string) => {
      if (set !== undefined)
        return `[${not === '!' ? '^' : ''}${set.replace(/[\\[\]^]/g, '\\$&')}]`;
      if (token === '*') return '.*';
      return token === '?' ? '.' : token.replace(/[\\^$.+()[\]{}|/]/g, '\\$&');
    },
  );
  return new RegExp(`^${expression}$`, 'su').test(file);
}

function include(pattern: string): FileFilter {
  return { action: 'include', pattern };
}

function exclude(pattern: string): FileFilter {
  return { action: 'exclude', pattern };
}
