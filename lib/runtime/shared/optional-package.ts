import { IsochroneError } from '../../model/errors';

/**
 * Loads an optional peer dependency, on its first use.
 *
 * @param load requires the package by a literal name, so that bundlers see it
 * @param user the class, function or option that needs the package
 * @throws IsochroneError if the package is not installed; the message says how to install it
 */
export function optionalPackage<Package>(name: string, user: string, load: () => Package): Package {
  try {
    return load();
  } catch (error) {
    // If the package is installed but lacks a dependency of its own, Node's error explains it.
    const { code, message } = (error ?? {}) as { code?: unknown; message?: string };
    if (code !== 'MODULE_NOT_FOUND' || !message?.includes(`'${name}'`)) throw error;
    throw new IsochroneError(
      `${user} needs ${name}, which is not installed here.\n` +
        `Install it with \`npm install ${name}\`.`,
    );
  }
}
