/**
 * Packages that some commands need and others do not. They are optional peers
 * (`peerDependenciesMeta` in package.json), so a command loads its own when it runs, and never at
 * the top of a file.
 */
import { IsochroneError } from '../../lib/model/errors';

export type Load = (name: string) => unknown;

/** A client of the AWS SDK, as commands use it. */
export type Sdk = Readonly<Record<string, new (input: object) => object>>;

/**
 * @param who what needs it, such as `isochrone migrate`
 * @param packages the one that is loaded, and the others that will be needed with it
 * @throws IsochroneError if it is not installed: what needs it, and what to install
 */
export function loadOptional<Package>(
  who: string,
  packages: readonly [string, ...string[]],
  load: Load = require,
): Package {
  try {
    return load(packages[0]) as Package;
  } catch (error) {
    if ((error as { code?: string }).code !== 'MODULE_NOT_FOUND') throw error;
    throw new IsochroneError(
      `${who} needs ${packages[0]}, which is not installed here.\nInstall ${packages.length > 1 ? 'what it calls' : 'it'} with \`npm install --save-dev ${packages.join(' ')}\`.`,
    );
  }
}

/** @throws IsochroneError if the installed package has no such client or command */
export function member(sdk: Sdk, name: string): new (input: object) => object {
  const found = sdk[name];
  if (found === undefined)
    throw new IsochroneError(
      `The installed AWS SDK has no ${name}.\nUpdate its clients to version 3.`,
    );
  return found;
}
