#!/usr/bin/env node
/** The command line: finds the command, runs it, and sets the exit code. */
import { inspect } from 'node:util';
import { IsochroneError } from '../lib/model/errors';
import {
  advise,
  type Command,
  cleanupEdge,
  emulate,
  migrate,
  promote,
  replay,
  review,
  summary,
  synth,
  verifier,
} from './commands';
import { print, printError } from './output';

const COMMANDS: readonly Command[] = [
  synth,
  summary,
  replay,
  emulate,
  review,
  migrate,
  advise,
  verifier,
  promote,
  cleanupEdge,
];

async function main([name, ...args]: readonly string[]): Promise<number> {
  if (name === undefined || name === 'help' || name === '--help') {
    print(`isochrone <command>\n\n${COMMANDS.map(({ usage }) => usage).join('\n\n')}`);
    return name === undefined ? 2 : 0;
  }
  const command = COMMANDS.find((candidate) => candidate.name === name);
  if (!command) {
    throw new IsochroneError(
      // It may be a misplaced URL with a password.
      `isochrone: ${/^[\w-]{1,40}$/.test(name) ? JSON.stringify(name) : 'this'} is not a command.\n` +
        `The commands are ${COMMANDS.map((each) => each.name).join(', ')}.`,
    );
  }
  return command.run(args);
}

// A reader such as `head` may close the pipe early. Files and the exit code do not depend on it.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

main(process.argv.slice(2)).then(
  (exitCode) => {
    process.exitCode = exitCode;
  },
  (error: unknown) => {
    printError(error instanceof IsochroneError ? error.message : inspect(error));
    process.exitCode = 1;
  },
);
