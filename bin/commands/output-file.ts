/**
 * Files that commands write: whole or not at all, so that an earlier report is not half
 * overwritten.
 */
import { realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { IsochroneError } from '../../lib/model/errors';

/**
 * Writes beside the file and puts it in its place. A pipe or a device is written to as it is.
 *
 * @param option that names the file, such as `--json`
 * @throws IsochroneError if it cannot be written
 */
export function writeOutput(option: string, file: string, content: string): void {
  try {
    const existing = statSync(file, { throwIfNoEntry: false });
    if (existing && !existing.isFile()) {
      writeFileSync(file, content);
      return;
    }
    // A link stays one.
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
      `${file}: it cannot be written (${(error as Error).message}).\nName a file in an existing folder with \`${option}\`.`,
    );
  }
}
