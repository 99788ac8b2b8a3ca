/**
 * The process in which a whole simulation runs, because edge code of an assembly may be anybody's.
 * The parent starts it, watches it and ends it; no call of an edge function crosses a process.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { IsochroneError } from '../../../model/errors';
import { shortened } from '../../../model/visible';
import type { DistributionModel } from '../distribution';
import { encodeJob, type Job, type Message, parseMessage } from './job';
import { type CallableFunction, callableFunctions, lastCall } from './last-call';
import { nodeOptions } from './permissions';

/** Limits of a simulation. */
export interface Limits {
  /**
   * The memory of the process in bytes.
   *
   * @default DEFAULT_MEMORY_BYTES
   */
  readonly memoryBytes?: number;
  /**
   * How long it may run in minutes.
   *
   * @default - DEFAULT_REPLAY_MINUTES for a replay, no limit for an emulator
   */
  readonly minutes?: number;
}

/** The default memory: 4 GB. The caches of a replay of ten million requests take about half. */
export const DEFAULT_MEMORY_BYTES = 4e9;

/** Below this, Node.js does not start. */
export const MIN_MEMORY_BYTES = 128e6;

/**
 * The edge code, or the process in which it ran, was stopped: it blocked, threw outside a call, or
 * exceeded a limit. There is no result.
 */
export class EdgeCodeStopped extends IsochroneError {}

export interface Confinement {
  readonly distribution: DistributionModel;
  /** The folder of the assembly, for messages. */
  readonly assembly: string;
  /** Whether the process may use the network, where Node.js can forbid it. */
  readonly network: boolean;
  /** The descriptor of the log. It is closed here. */
  readonly log?: number;
  readonly limits: Limits;
  /** Receives the messages that do not end the simulation. */
  readonly onMessage: (message: Message) => void;
}

export interface Confined {
  /**
   * Resolves when the process has ended by itself, with exit code 0.
   *
   * @throws IsochroneError if the simulation refused an option or a file
   * @throws EdgeCodeStopped if it ended in another way
   */
  readonly ended: Promise<void>;
  /** Ends its input, on which it finishes what it does. After `graceMs`, it is killed. */
  end(graceMs: number): void;
  /** Kills the process at once. */
  kill(): void;
}

/** How often the parent looks after the child. */
const TICK_MS = 250;

/**
 * How much longer than its time limit a function may block the process. Its limit is that of a
 * platform that does nothing else.
 */
const SLACK_SECONDS = 5;

/** The same before any function was called. */
const START_SECONDS = 30;

/** The maximum size of a message in characters. A report with all cells has less than one million. */
const MAX_MESSAGE = 64 * 1024 * 1024;

/** How much of what Node.js says about its own end is kept. */
const MAX_LAST_WORDS = 16 * 1024;

/** Starts a job in a process of its own. */
export function confine(job: Job, confinement: Confinement): Confined {
  const { distribution, network, log, onMessage } = confinement;
  const { memoryBytes = DEFAULT_MEMORY_BYTES, minutes = Number.POSITIVE_INFINITY } =
    confinement.limits;
  const program = programFile();
  const folders = distribution.behaviors.flatMap(({ functions }) =>
    Object.values(functions).flatMap(({ directory }) => directory ?? []),
  );
  const options = nodeOptions({
    reads: [program, ...folders],
    network,
    // The rest is for buffers and for Node.js itself.
    heapBytes: memoryBytes * 0.8,
  });
  const last = lastCall(callableFunctions(distribution));
  const child = spawn(process.execPath, [...options, program], {
    cwd: dirname(program),
    env: {},
    stdio: ['pipe', 'pipe', 'pipe', last.fd, ...(log === undefined ? [] : [log])],
  });
  if (log !== undefined) closeSync(log);

  let isEnding = false;
  let refused: string | undefined;
  let stopped: string | undefined;
  let words = '';
  const stop = (reason: string) => {
    stopped ??= reason;
    child.kill('SIGKILL');
  };
  const receive = (message: Message) => {
    if (message.kind === 'refused') refused ??= message.text;
    else if (message.kind === 'stray') stop(strayText(message));
    else onMessage(message);
  };

  const watch = watchdog(child, { memoryBytes, minutes, last, stop });
  eachLine(child, {
    onLine(line) {
      watch.alive();
      if (stopped !== undefined) return;
      const message = parseMessage(line);
      if (message === undefined) stop('it sent a message that is none of a simulation');
      else receive(message);
    },
    onTooLong: () => stop('it sent a message without end'),
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    words = (words + text).slice(-MAX_LAST_WORDS);
  });
  // The child may end before it has read its job.
  child.stdin?.on('error', () => undefined);
  child.stdin?.write(encodeJob(job));
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);

  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', (error) => {
      stopped ??= `it could not be started (${error.message})`;
    });
    child.once('close', (exitCode, signal) => {
      watch.end();
      process.off('exit', kill);
      const called = last.read();
      last.close();
      if (stopped === undefined && refused !== undefined) reject(new IsochroneError(refused));
      else if (stopped === undefined && exitCode === 0) resolve();
      else if (stopped === undefined && isEnding) resolve();
      else {
        const reason = stopped ?? endOf(exitCode, signal, words, memoryBytes);
        reject(stoppedError(confinement.assembly, reason, called));
      }
    });
  });
  return {
    ended,
    end(graceMs) {
      isEnding = true;
      child.stdin?.end();
      setTimeout(kill, graceMs).unref();
    },
    kill,
  };
}

/**
 * The program of the child, which the build makes.
 *
 * @throws IsochroneError if it was not built
 */
function programFile(): string {
  let root = __dirname;
  while (!existsSync(join(root, 'package.json')) && dirname(root) !== root) root = dirname(root);
  const file = join(root, 'dist', 'programs', 'simulator.js');
  if (existsSync(file)) return file;
  throw new IsochroneError(
    `The program of the simulator is not at ${file}.\n` +
      'In a checkout, run `npm run build:handlers`; in an installed package, reinstall it.',
  );
}

function eachLine(
  { stdout }: ChildProcess,
  { onLine, onTooLong }: { onLine: (line: string) => void; onTooLong: () => void },
): void {
  let parts: string[] = [];
  let length = 0;
  stdout?.setEncoding('utf8').on('data', (text: string) => {
    const lines = text.split('\n');
    const rest = lines.pop() ?? '';
    for (const line of lines) {
      onLine([...parts, line].join(''));
      parts = [];
      length = 0;
    }
    parts.push(rest);
    length += rest.length;
    if (length > MAX_MESSAGE) {
      parts = [];
      onTooLong();
    }
  });
}

interface Watchdog {
  /** Notes a sign of life. */
  alive(): void;
  end(): void;
}

/** Stops a child that gives no sign of life, lasts too long or needs too much memory. */
function watchdog(
  child: ChildProcess,
  {
    memoryBytes,
    minutes,
    last,
    stop,
  }: {
    readonly memoryBytes: number;
    readonly minutes: number;
    readonly last: { read(): CallableFunction | undefined };
    readonly stop: (reason: string) => void;
  },
): Watchdog {
  // Ticks are counted, not the clock: both processes may sleep for a night.
  let silentMs = 0;
  let totalMs = 0;
  const timer = setInterval(() => {
    silentMs += TICK_MS;
    totalMs += TICK_MS;
    const called = last.read();
    const seconds = called === undefined ? START_SECONDS : called.seconds + SLACK_SECONDS;
    if (silentMs > seconds * 1000) stop(`it blocked the process for ${seconds} s`);
    if (totalMs > minutes * 60_000)
      stop(`it took longer than ${minutes} minutes, which \`--max-minutes\` changes`);
    if (residentBytes(child.pid) > memoryBytes) stop(memoryText(memoryBytes));
  }, TICK_MS);
  return {
    alive: () => {
      silentMs = 0;
    },
    end: () => clearInterval(timer),
  };
}

/** The memory that a process occupies, on Linux. Elsewhere, only the heap is limited. */
function residentBytes(pid: number | undefined): number {
  try {
    const pages = readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1];
    return Number(pages) * PAGE_BYTES;
  } catch {
    return 0;
  }
}

/** The least size of a page on Linux: "getconf PAGESIZE". With larger pages, the limit is higher. */
const PAGE_BYTES = 4096;

function strayText({ text, functionName }: { text: string; functionName?: string }): string {
  return functionName === undefined
    ? `it failed outside the calls of its functions: ${textOf(text)}`
    : `its function ${textOf(functionName)} failed outside a call: ${textOf(text)}`;
}

function memoryText(memoryBytes: number): string {
  return `it needed more than ${Math.round(memoryBytes / 1e6)} MB of memory, which \`--max-memory\` changes`;
}

function endOf(
  exitCode: number | null,
  signal: NodeJS.Signals | null,
  words: string,
  memoryBytes: number,
): string {
  if (/out of memory/i.test(words)) return memoryText(memoryBytes);
  return signal === null
    ? `it ended the process with exit code ${exitCode}`
    : `the process ended by ${signal}`;
}

function stoppedError(
  assembly: string,
  reason: string,
  called: CallableFunction | undefined,
): EdgeCodeStopped {
  const last =
    called === undefined
      ? 'No edge function had been called.'
      : `The edge function that was called last is ${textOf(called.name)}.`;
  return new EdgeCodeStopped(
    `The edge code of ${assembly} was stopped: ${reason}.\n${last} There is no result.`,
  );
}

/** The longest text of edge code in a message, in characters. */
const MAX_TEXT = 300;

function textOf(text: string): string {
  return shortened(text, MAX_TEXT);
}
