/** Says what was not run, and removes what `temporary-setup.ts` made. */
import { rmSync } from 'node:fs';
import { basename } from 'node:path';
import { notRun } from './not-run';

export default function teardown(): void {
  const directory = process.env.TMPDIR;
  if (directory === undefined || !basename(directory).startsWith('isochrone-jest-')) return;
  const left = notRun(directory);
  if (left !== undefined) console.warn(left);
  rmSync(directory, { recursive: true, force: true });
}
