/**
 * Packages that only some commands need. They are optional peer dependencies
 * (`peerDependenciesMeta` in package.json), so a command loads its packages when it runs, and never
 * at the top of a file.
 */
import { IsochroneError } from '../../lib/model/errors';

/** Loads a package by its name, as `require` does. */
export type Load = (name: string) => unknown;

/**
 * Loads an optional package.
 *
 * @param user what needs the package, such as `isochrone migrate`
 * @param packages the package to load, and the packages that will be needed with it
 * @throws IsochroneError if the package is not installed; it names the user and what to install
 */
export function loadOptional<Package>(
  user: string,
  packages: readonly [string, ...string[]],
  load: Load = require,
): Package {
  try {
    return load(packages[0]) as Package;
  } catch (error) {
    if ((error as { code?: string }).code !== 'MODULE_NOT_FOUND') throw error;
    throw new IsochroneError(
      `${user} needs ${packages[0]}, which is not installed here.\n` +
        `Install ${packages.length > 1 ? 'all its packages' : 'it'} with ` +
        `\`npm install --save-dev ${packages.join(' ')}\`.`,
    );
  }
}
