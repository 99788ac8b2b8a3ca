/** Gives a test run a temporary folder of its own: assemblies, assets and copies of the checkout all go there, and away with it. */
import { mkdtempSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export default function setup(): void {
  process.env.TMPDIR = realpathSync(mkdtempSync(join(tmpdir(), 'isochrone-jest-')));
}
