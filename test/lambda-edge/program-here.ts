import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { noteNotRun } from '../not-run';
import { isPromised } from '../promised';

/**
 * Whether a program is installed. If the machine promises it, a missing one is an error; otherwise
 * the run reports at its end what is left out.
 */
export function programHere(name: string): boolean {
  const folders = (process.env.PATH ?? '').split(delimiter);
  if (folders.some((folder) => existsSync(join(folder, name)))) return true;
  if (isPromised('servers')) throw new Error(`${name} is not installed.`);
  noteNotRun([name]);
  return false;
}
