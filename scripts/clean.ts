/**
 * Removes what the build makes, so that a file deleted from the sources cannot live on in the
 * package.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(__dirname, '..');

for (const built of ['dist', 'lib/runtime/dist']) {
  rmSync(join(ROOT, built), { recursive: true, force: true });
}
