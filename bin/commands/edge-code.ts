/** What commands share that run the edge functions of an assembly, which may be anybody's. */
import { describeValue, IsochroneError } from '../../lib/model/errors';
import {
  DEFAULT_MEMORY_BYTES,
  DEFAULT_REPLAY_MINUTES,
  EdgeCodeStopped,
  type Limits,
  MIN_MEMORY_BYTES,
} from '../../lib/tools/simulation';
import { printError } from '../output';

/** The exit code if the edge code was stopped, so that there is no result. */
const STOPPED = 5;

/** For the help of these commands. */
export const EDGE_CODE = {
  about:
    "It runs the assembly's edge functions, which may be a stranger's, in a process of their own " +
    'with no environment, which can read only their code. Node.js before version 25 cannot forbid ' +
    'that process the network.',
  memory: {
    '--max-memory SIZE': `the memory of that process; ${DEFAULT_MEMORY_BYTES / 1e9}GB by default`,
  },
  minutes: {
    '--max-minutes N':
      `how long a replay may take; ${DEFAULT_REPLAY_MINUTES} by default, which is about 30 ` +
      'million requests',
  },
  exitCode: `${STOPPED} if the edge code was stopped, so that there is no result`,
} as const;

/**
 * Runs a command.
 *
 * @returns its exit code, or another one if the edge code was stopped
 */
export async function withEdgeCode(run: () => Promise<number>): Promise<number> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof EdgeCodeStopped)) throw error;
    printError(error.message);
    return STOPPED;
  }
}

/** @throws IsochroneError if a limit is invalid */
export function limitsOf(options: {
  readonly 'max-memory'?: string | undefined;
  readonly 'max-minutes'?: string | undefined;
}): Limits {
  const { 'max-memory': memory, 'max-minutes': minutes } = options;
  return {
    ...(memory !== undefined && { memoryBytes: memoryOf(memory) }),
    ...(minutes !== undefined && { minutes: minutesOf(minutes) }),
  };
}

function memoryOf(text: string): number {
  const bytes = sizeOf(text) ?? 0;
  if (bytes >= MIN_MEMORY_BYTES) return bytes;
  throw new IsochroneError(
    `isochrone: --max-memory must be a size of at least ${MIN_MEMORY_BYTES / 1e6}MB, got ` +
      `${describeValue(text)}.\nWrite, for example, 8GB, with the unit directly after the number.`,
  );
}

function minutesOf(text: string): number {
  const minutes = Number(text);
  if (Number.isFinite(minutes) && minutes > 0) return minutes;
  throw new IsochroneError(
    `isochrone: --max-minutes must be a number above 0, got ${describeValue(text)}.\n` +
      'Write, for example, 120 for two hours.',
  );
}

const UNITS: Readonly<Record<string, number>> = { KB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 };

/** The bytes of a size such as `512MB`; undefined if it is not one, or 0. */
export function sizeOf(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(KB|MB|GB|TB)$/.exec(text);
  return match && Number(match[1]) > 0
    ? Number(match[1]) * (UNITS[match[2] ?? ''] ?? 1)
    : undefined;
}
