/**
 * The program of a simulation's own process: it takes a job, gives up what it does not need, and
 * only then runs edge functions. It must be bundled into one file, because it may not read others.
 */
import { readSync, writeSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { performance } from 'node:perf_hooks';
import { setImmediate as turn } from 'node:timers/promises';
import { IsochroneError } from '../../../model/errors';
import { emulator, emulatorServer, originClient } from '../emulator';
import { edgeFunctionRunner, MODULES, ownerOf } from '../functions';
import { logOf, openLog } from '../logs';
import { replay } from '../replay';
import { type SeededTraceOptions, seededTrace } from '../trace';
import { GRACE_MS } from './emulator';
import { decodeJob, type EmulatorJob, FD, type Message, type ReplayJob } from './job';
import { callableFunctions, callNotes } from './last-call';
import { lockDown } from './permissions';

/** How often it gives a sign of life. */
const ALIVE_MS = 200;

/** After so many generated lines, the event loop gets its turn. */
const LINES_PER_TURN = 1000;

const MAX_TEXT = 4000;

function readExactly(bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  for (let read = 0; read < bytes; ) {
    const more = readSync(FD.job, buffer, read, bytes - read, null);
    if (more === 0) throw new Error('The job ends early.');
    read += more;
  }
  return buffer;
}

const job = decodeJob(readExactly);
const onCall = callNotes(callableFunctions(job.distribution), FD.lastCall);
const { stdin } = process;
const exit = lockDown(MODULES);

/** Writes at once, so that the message is out whatever happens next. Fails if the parent is gone. */
function send(message: Message): void {
  try {
    const bytes = Buffer.from(`${JSON.stringify(message)}\n`);
    for (let sent = 0; sent < bytes.length; ) sent += writeSync(FD.messages, bytes, sent);
  } catch {
    exit(1);
  }
}

function fail(error: unknown): never {
  send(
    error instanceof IsochroneError
      ? { kind: 'refused', text: error.message }
      : { kind: 'stray', text: textOf(error), functionName: ownerOf(error) },
  );
  return exit(1);
}

/** Foreign code may have thrown anything, such as an object whose message throws. */
function textOf(error: unknown): string {
  try {
    const { message } = (error ?? {}) as { message?: unknown };
    return String(message ?? error).slice(0, MAX_TEXT);
  } catch {
    return 'an error without a message';
  }
}

process.on('uncaughtException', fail);
process.on('unhandledRejection', (error, promise) => {
  send({
    kind: 'stray',
    text: textOf(error),
    functionName: ownerOf(promise) ?? ownerOf(error),
  });
  exit(1);
});

const progress = { readBytes: 0, allBytes: 0 };
let lastAlive = Number.NEGATIVE_INFINITY;

/** A timer alone would not do: a replay may keep the event loop waiting for seconds. */
function alive(): void {
  const now = performance.now();
  if (now - lastAlive < ALIVE_MS) return;
  lastAlive = now;
  send({ kind: 'alive', ...progress });
}

async function* linesOf(trace: SeededTraceOptions): AsyncGenerator<string> {
  let lines = 0;
  for (const line of seededTrace(trace)) {
    if (++lines % LINES_PER_TURN === 0) await turn();
    yield line;
  }
}

async function runReplay({ kind: _kind, trace, format, ...options }: ReplayJob): Promise<void> {
  const onProgress = (readBytes: number, allBytes: number) => {
    Object.assign(progress, { readBytes, allBytes });
  };
  const log =
    trace === undefined
      ? await openLog(options.file, { format, onProgress, fd: FD.log })
      : await logOf(linesOf(trace), options.file);
  const report = await replay({ ...options, log, onCall, onRequest: alive });
  // What the last call left behind may still fail.
  await turn();
  send({ kind: 'report', report });
}

function runEmulator({
  distribution,
  place,
  viewerProtocol,
  origins,
  switches,
  ...address
}: EmulatorJob): Promise<void> {
  const warn = (text: string) => send({ kind: 'line', text: text.slice(0, MAX_TEXT) });
  const functions = edgeFunctionRunner({
    switches,
    onCall,
    log: (name, line) => warn(`${name}: ${line}`),
  });
  const urls = new Map([...origins].map(([id, url]) => [id, new URL(url)]));
  const server = emulatorServer(
    emulator(distribution, functions, {
      place,
      viewerProtocol,
      fetchOrigin: originClient(urls),
      warn,
    }),
    place.pop,
    warn,
  );
  server.listen(address.port, address.host, () =>
    send({ kind: 'listening', port: (server.address() as AddressInfo).port }),
  );
  // The parent ends the input on SIGINT and SIGTERM. A terminal sends SIGINT to both processes.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);
  stdin.resume().once('end', () => {
    server.close();
    setTimeout(() => server.closeAllConnections(), GRACE_MS).unref();
  });
  return new Promise((resolve, reject) => {
    server.once('close', resolve);
    server.once('error', (error) =>
      reject(
        new IsochroneError(
          `isochrone: cannot listen at ${address.host}:${address.port} (${error.message}).\n` +
            'Set another address with `--port` or `--host`.',
        ),
      ),
    );
  });
}

alive();
setInterval(alive, ALIVE_MS);
(job.kind === 'replay' ? runReplay(job) : runEmulator(job)).then(() => exit(0), fail);
