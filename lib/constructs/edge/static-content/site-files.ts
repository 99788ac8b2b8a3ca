import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Duration } from 'aws-cdk-lib';
import { IsochroneError } from '../../../model/errors';

/** Takes in, or leaves out, the files that match a pattern, as `aws s3` knows it. */
export interface FileFilter {
  readonly action: 'include' | 'exclude';
  readonly pattern: string;
}

/** Files of a site that are uploaded together and kept alike. */
export interface SiteFiles {
  readonly kind: 'Hashed' | 'Others' | 'Pages';
  /** The last one that matches a file decides; a file that none matches is in. */
  readonly filters: readonly FileFilter[];
  readonly cacheControl: string;
}

/** For what is named by its content, and so never changes: RFC 8246. A year. */
const IMMUTABLE = 'public, max-age=31536000, immutable';

/**
 * Kept, but asked for each time: a page names the hashed files, so an old page would name old ones.
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

/** What looks like a hash of 8 characters, and is more often a date. */
const DATE_PATTERN = `*[./-]${'[0-9]'.repeat(8)}.*`;

/**
 * The kinds of files of a site, each file in exactly one, in the order in which they are uploaded:
 * hashed files first and pages last, so that no page names a file that is not there yet.
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

/** Whether the AWS CLI would send a file, given by its path in the site, with slashes. */
export function passes(file: string, filters: readonly FileFilter[]): boolean {
  return filters.findLast(({ pattern }) => matches(file, pattern))?.action !== 'exclude';
}

/**
 * The paths of all files in a folder, with slashes and in order; links are followed, as the AWS CLI
 * does.
 */
export function filesIn(folder: string, below = ''): string[] {
  return readdirSync(join(folder, below))
    .sort()
    .flatMap((name) => {
      const path = below === '' ? name : `${below}/${name}`;
      const found = statSync(join(folder, path), { throwIfNoEntry: false });
      if (found === undefined)
        throw new IsochroneError(
          `${join(folder, path)} is a link that leads nowhere.\nRemove it, or build the site again.`,
        );
      return found.isDirectory() ? filesIn(folder, path) : [path];
    });
}

/**
 * As Python's `fnmatch`, by which the AWS CLI filters: `*`, `?`, `[…]` and `[!…]`, and a bracket
 * that is never closed is itself.
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
