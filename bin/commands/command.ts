/** What every command of the command line has, and how it reads its options. */
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { IsochroneError } from '../../lib/model/errors';

export interface Command {
  readonly name: string;
  /** Its lines of `isochrone --help`. */
  readonly usage: string;
  /** Returns the exit code: 0 when all is well. */
  run(args: readonly string[]): Promise<number>;
}

type OptionsConfig = NonNullable<ParseArgsConfig['options']>;

/**
 * The options of a command. Unknown ones are refused with the command's usage, so that a slip is
 * never ignored.
 */
export function readOptions<Options extends OptionsConfig>(
  args: readonly string[],
  command: Pick<Command, 'usage'>,
  options: Options,
): ReturnType<
  typeof parseArgs<{ args: string[]; options: Options; strict: true; allowPositionals: false }>
>['values'] {
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: false }).values;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new IsochroneError(`isochrone: ${reason}\n\n${command.usage}`);
  }
}
