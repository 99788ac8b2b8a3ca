/**
 * Uses both packages as they would be published, each in a project of somebody else: types, entry
 * points, bundled handlers and the command line must be in the archive, and nothing may come along
 * that its user does not need.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkCdkPackage } from './check-cdk-package';
import { checkRuntimePackage } from './check-runtime-package';
import { ROOT, run } from './consumer';

const directory = mkdtempSync(join(tmpdir(), 'isochrone-packages-'));
try {
  run('npm', ['run', '-s', 'build'], ROOT);
  for (const source of ['.', 'lib/runtime']) {
    run('npx', ['publint', '--strict', source], ROOT);
    // Subpaths of `exports` are unknown to the resolution of Node 10, which has none.
    run('npx', ['attw', '--profile', 'node16', '--pack', source], ROOT);
  }
  checkCdkPackage(join(directory, 'cdk'));
  checkRuntimePackage(join(directory, 'runtime'));
} finally {
  rmSync(directory, { recursive: true, force: true });
}
