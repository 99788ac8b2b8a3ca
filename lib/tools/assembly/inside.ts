/** Paths that an assembly names. An assembly may come from a stranger, so none may leave its folder. */
import { type Dirent, existsSync, readdirSync, realpathSync } from 'node:fs';
import { isAbsolute, join, relative, resolve, sep } from 'node:path';

/**
 * Resolves a path that an assembly names. `..` and absolute paths are allowed if they stay inside;
 * so are symbolic links, and the folder itself may be one. A backslash separates folders on every
 * system, because assemblies of Windows are read on others.
 *
 * @param root the folder of the assembly
 * @param path the path, as the assembly has it
 * @param from the folder that a relative path starts from
 * @returns an absolute path; nothing need exist there
 * @throws Error with a reason if the path is not text, or leaves the folder
 */
export function pathInside(root: string, path: unknown, from = root): string {
  if (typeof path !== 'string' || path === '' || path.includes('\0'))
    throw new Error(`${JSON.stringify(path) ?? 'nothing'} is not a path`);
  const full = resolve(from, path.replaceAll('\\', '/'));
  const isOutside = !isBelow(resolve(root), full) && !isBelow(realpathSync(root), full);
  if (isOutside || leavesByLink(root, full))
    throw new Error(`${JSON.stringify(path)} is outside the assembly`);
  return full;
}

/** Whether a path is a folder or below it, by its text: neither needs to exist. */
export function isBelow(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

/** Whether a symbolic link leads out of a folder. */
export function leavesByLink(root: string, path: string): boolean {
  return existsSync(path) && !isBelow(realpathSync(root), realpathSync(path));
}

/** All entries below a folder. Symbolic links are not followed, because they could be a circle. */
export function* entriesBelow(folder: string): Generator<{ path: string; entry: Dirent }> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    yield { path, entry };
    if (entry.isDirectory()) yield* entriesBelow(path);
  }
}
