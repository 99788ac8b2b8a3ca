/** Removes what `temporary-setup.ts` made. */
import { rmSync } from 'node:fs';
import { basename } from 'node:path';

export default function teardown(): void {
  const directory = process.env.TMPDIR;
  if (directory !== undefined && basename(directory).startsWith('isochrone-jest-')) rmSync(directory, { recursive: true, force: true });
}
