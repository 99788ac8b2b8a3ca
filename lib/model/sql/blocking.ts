/**
 * PostgreSQL's parser for code that cannot wait. libpg-query loads its WebAssembly asynchronously
 * only, so a thread loads it, and the caller blocks on shared memory until the answer is there.
 */
import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads';
import type { ParseResult } from '@pgsql/types';
import { IsochroneError } from '../errors';

/** The part of libpg-query that is used here. Its functions take no empty text. */
export interface Library {
  loadModule(): Promise<void>;
  parseSync(sql: string): ParseResult;
  scanSync(sql: string): { readonly tokens?: readonly ScannedToken[] };
  parsePlPgSQLSync(sql: string): unknown;
}

interface ScannedToken {
  readonly start: number;
  readonly end: number;
  readonly tokenType: number;
  readonly keywordName: string;
}

/** The thread: plain JavaScript, so that it runs in every form in which this package is built. */
const THREAD = `
const { workerData: { path, port, answered } } = require('node:worker_threads');
const loading = (async () => {
  const library = require(path);
  await library.loadModule();
  return library;
})();
port.on('message', async ({ name, sql }) => {
  let answer;
  try {
    answer = { value: (await loading)[name](sql) };
  } catch ({ name, message, sqlDetails }) {
    answer = { error: { name, message, sqlDetails } };
  }
  port.postMessage(answer);
  Atomics.add(answered, 0, 1);
  Atomics.notify(answered, 0);
});`;

interface Answer {
  readonly value?: unknown;
  readonly error?: { readonly name: string; readonly message: string };
}

/** How long the thread may take for one call; PostgreSQL's parser needs milliseconds a file. */
const LONGEST_CALL_MS = 60_000;

/** @throws IsochroneError if libpg-query is not installed */
export function blockingLibrary(): Library {
  const answered = new Int32Array(new SharedArrayBuffer(4));
  const { port1, port2 } = new MessageChannel();
  const thread = new Worker(THREAD, {
    eval: true,
    workerData: { path: pathOfLibrary(), port: port2, answered },
    transferList: [port2],
  });
  // Neither keeps the process alive.
  thread.unref();
  port1.unref();
  const call = (name: keyof Library, sql: string): unknown => {
    const before = Atomics.load(answered, 0);
    port1.postMessage({ name, sql });
    Atomics.wait(answered, 0, before, LONGEST_CALL_MS);
    const answer = receiveMessageOnPort(port1)?.message as Answer | undefined;
    if (!answer) throw new Error(`The thread of the SQL parser has not answered ${name}.`);
    if (answer.error) throw Object.assign(new Error(answer.error.message), answer.error);
    return answer.value;
  };
  return {
    loadModule: async () => {},
    parseSync: (sql) => call('parseSync', sql) as ReturnType<Library['parseSync']>,
    scanSync: (sql) => call('scanSync', sql) as ReturnType<Library['scanSync']>,
    parsePlPgSQLSync: (sql) => call('parsePlPgSQLSync', sql),
  };
}

function pathOfLibrary(): string {
  try {
    return require.resolve('libpg-query');
  } catch (error) {
    throw new IsochroneError(
      "PostgreSQL's parser could not be loaded: the package libpg-query is not installed. " +
        'Install the dependencies of this package.',
      { cause: error },
    );
  }
}
