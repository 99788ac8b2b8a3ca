/** A command of the command line, and how it reads its options. */
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { IsochroneError } from '../../lib/model/errors';

/** A command of the command line. */
export interface Command {
  readonly name: string;
  /** Its section of `isochrone --help`. */
  readonly usage: string;
  /** Runs the command and returns the exit code; 0 is success. */
  run(args: readonly string[]): Promise<number>;
}

/** A command's section of the help. */
interface UsageText {
  /** The command with its arguments. */
  readonly synopsis: string;
  /** What it does, in sentences. */
  readonly about: string;
  /** What each option means. */
  readonly options: Readonly<Record<string, string>>;
  /**
   * What the exit codes mean, if there are others than 0 and 1.
   *
   * @default - no line about exit codes
   */
  readonly exitCodes?: string;
}

/** The width of the help in columns. */
const WIDTH = 100;

/** Formats a section of the help: wraps it, and aligns the descriptions of the options. */
export function formatUsage({ synopsis, about, options, exitCodes }: UsageText): string {
  const column = Math.max(...Object.keys(options).map((option) => option.length)) + 2;
  return [
    // An option and its argument stay on one line.
    ...wrap(synopsis.match(/\[[^\]]*\]\S*|\([^)]*\)|\S+/g) ?? [], '  ', ' '.repeat(9)),
    ...wrap(about.split(' '), ' '.repeat(6)),
    ...Object.entries(options).flatMap(([option, text]) =>
      wrap(text.split(' '), `      ${option.padEnd(column)}`, ' '.repeat(6 + column)),
    ),
    ...(exitCodes ? wrap(`Exit code: ${exitCodes}`.split(' '), ' '.repeat(6)) : []),
  ].join('\n');
}

/** Wraps words into lines; the first line has an indent of its own. */
function wrap([word = '', ...words]: readonly string[], first: string, indent = first): string[] {
  const lines: string[] = [];
  let line = first + word;
  for (const next of words) {
    if (line.length + 1 + next.length > WIDTH) {
      lines.push(line);
      line = indent + next;
    } else line += ` ${next}`;
  }
  return [...lines, line];
}

type OptionsConfig = NonNullable<ParseArgsConfig['options']>;

/**
 * Parses the options of a command.
 *
 * @throws IsochroneError with the command's usage for an unknown option, so that no typo is ignored
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
    const { code, message } = error as { code?: string; message: string };
    // Node quotes an argument without an option, which may be a URL with a password.
    const reason =
      code === 'ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL'
        ? 'each argument needs the name of its option before it, got one without.'
        : message;
    throw new IsochroneError(`isochrone: ${reason}\n\n${command.usage}`);
  }
}
