/**
 * A file that both processes have open, with the number of the edge function that was called last.
 * The parent reads it when the child cannot answer any more. A message for each call would cost
 * more than the call.
 */
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DistributionModel, EdgeEvent } from '../distribution';
import { timeLimitSeconds } from '../functions';

const BYTES = 2;

/** A function of a distribution, with the longest of its time limits. */
export interface CallableFunction {
  readonly name: string;
  readonly seconds: number;
}

/** The functions of a distribution, in the order of their numbers. */
export function callableFunctions({ behaviors }: DistributionModel): readonly CallableFunction[] {
  const seconds = new Map<string, number>();
  for (const { functions } of behaviors)
    for (const [event, fn] of Object.entries(functions))
      seconds.set(
        fn.name,
        Math.max(seconds.get(fn.name) ?? 0, timeLimitSeconds(fn, event as EdgeEvent)),
      );
  return [...seconds].map(([name, limit]) => ({ name, seconds: limit }));
}

/** Notes calls in the child. It writes only if another function is called than before. */
export function callNotes(functions: readonly CallableFunction[], fd: number) {
  const numbers = new Map(functions.map(({ name }, i) => [name, i + 1]));
  const bytes = Buffer.alloc(BYTES);
  let last = 0;
  return (functionName: string): void => {
    const number = numbers.get(functionName) ?? 0;
    if (number === last) return;
    last = number;
    bytes.writeUInt16LE(number);
    writeSync(fd, bytes, 0, BYTES, 0);
  };
}

/** The parent's end of the file. */
export interface LastCall {
  readonly fd: number;
  /** @returns undefined if no function was called */
  read(): CallableFunction | undefined;
  close(): void;
}

/** Creates the file. It has no name that anybody could open once both processes have it. */
export function lastCall(functions: readonly CallableFunction[]): LastCall {
  const folder = mkdtempSync(join(tmpdir(), 'isochrone-last-call-'));
  const fd = openSync(join(folder, 'last-call'), 'wx+', 0o600);
  const bytes = Buffer.alloc(BYTES);
  return {
    fd,
    read() {
      const read = readSync(fd, bytes, 0, BYTES, 0);
      return read === BYTES ? functions[bytes.readUInt16LE() - 1] : undefined;
    },
    close() {
      closeSync(fd);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
