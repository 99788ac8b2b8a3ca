/**
 * Removes what the build makes, so that a file deleted from the sources cannot live on in the
 * package.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';

rmSync(join(__dirname, '..', 'dist'), { recursive: true, force: true });
