import { realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { IsochroneError } from '../../lib/model/errors';

/**
 * Writes a file atomically, through a temporary file beside it, so that an earlier report is never
 * half overwritten. It writes to a pipe or a device directly.
 *
 * @param option the option that named the file, such as `--json`
 * @throws IsochroneError if the file cannot be written
 */
export function writeOutput(option: string, file: string, content: string): void {
  try {
    const existing = statSync(file, { throwIfNoEntry: false });
    if (existing && !existing.isFile()) {
      writeFileSync(file, content);
      return;
    }
    // A symbolic link stays a link.
    const target = existing ? realpathSync(file) : file;
    const draft = `${target}.${process.pid}.part`;
    try {
      writeFileSync(draft, content, existing && { mode: existing.mode });
      renameSync(draft, target);
    } finally {
      rmSync(draft, { force: true });
    }
  } catch (error) {
    throw new IsochroneError(
      `${file}: it cannot be written (${(error as Error).message}).\n` +
        `Name a file in an existing folder with \`${option}\`.`,
    );
  }
}
