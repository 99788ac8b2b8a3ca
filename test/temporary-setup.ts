/**
 * Gives a test run a temporary folder of its own: assemblies, assets and copies of the checkout all
 * go there, and away with it.
 */
import { chmodSync, mkdtempSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { copyEmbeddedPostgres } from './servers/embedded-postgres';
import { findProgram } from './servers/server-process';

export default function setup(): void {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'isochrone-jest-')));
  // Servers under test run as another account than root, and must reach their folders in it.
  chmodSync(directory, 0o711);
  process.env.TMPDIR = directory;
  if (findProgram('postgres') === undefined) copyEmbeddedPostgres(18);
}
