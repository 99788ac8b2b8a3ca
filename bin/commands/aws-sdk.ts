/** The AWS SDK as commands load it: it is no dependency, because nothing else on the command line needs it. */
import { IsochroneError } from '../../lib/errors';

export type Sdk = Readonly<Record<string, new (input: object) => object>>;

/**
 * @param missing what to say when the package is not installed
 * @throws IsochroneError if it is not
 */
export function loadSdk(name: string, load: (name: string) => unknown, missing: string): Sdk {
  try {
    return load(name) as Sdk;
  } catch (error) {
    if ((error as { code?: string }).code !== 'MODULE_NOT_FOUND') throw error;
    throw new IsochroneError(missing);
  }
}

/** @throws IsochroneError if the installed package has no such client or command */
export function member(sdk: Sdk, name: string): new (input: object) => object {
  const found = sdk[name];
  if (found === undefined) throw new IsochroneError(`The installed AWS SDK has no ${name}.\nUpdate its clients to version 3.`);
  return found;
}
