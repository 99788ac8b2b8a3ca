import { IsochroneError } from '../../model/errors';

/**
 * Loads a package that only some applications need: an optional peer, loaded at its first use and
 * never with ours. `load` names it once more, in a `require` that bundlers see.
 *
 * @param who what needs it
 * @throws IsochroneError if it is not installed: what needs it, and what to install
 */
export function optionalPackage<Package>(name: string, who: string, load: () => Package): Package {
  try {
    return load();
  } catch (error) {
    // One that is there and misses something itself is not for us to explain.
    const { code, message } = (error ?? {}) as { code?: unknown; message?: string };
    if (code !== 'MODULE_NOT_FOUND' || !message?.includes(`'${name}'`)) throw error;
    throw new IsochroneError(
      `${who} needs ${name}, which is not installed here.\nInstall it with \`npm install ${name}\`.`,
    );
  }
}
