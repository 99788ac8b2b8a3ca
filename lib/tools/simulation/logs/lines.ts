/** Reads a plain or compressed file line by line, because a log may be larger than memory. */
import { createReadStream, fstatSync, openSync, type ReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { finished } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { IsochroneError } from '../../../model/errors';

/** Longer lines are cut. No server logs longer lines, and a binary file must not exhaust memory. */
export const MAX_LINE_CHARACTERS = 65_536;

/** The UTF-8 byte order mark, read as Latin-1. */
const BYTE_ORDER_MARK = /^\xef\xbb\xbf/;

export interface LineOptions {
  /**
   * Called from time to time with the bytes read and the size of the file.
   *
   * @default - progress is not reported
   */
  readonly onProgress?: (readBytes: number, allBytes: number) => void;
  /**
   * Called if a compressed file is truncated or damaged. Lines before the damage are still read.
   *
   * @default - the damage is not reported
   */
  readonly onDamaged?: (reason: string) => void;
  /**
   * The descriptor of the file, if it is open already. It is closed at the end.
   *
   * @default - the file is opened by its name
   */
  readonly fd?: number;
}

/**
 * Reads lines without their line ends. Each byte becomes one character (Latin-1), so that bytes
 * that are not UTF-8 are preserved.
 *
 * @throws IsochroneError if the file cannot be read, or is Parquet
 */
export async function* readLines(file: string, options: LineOptions = {}): AsyncGenerator<string> {
  let rest = '';
  let atStart = true;
  for await (const chunk of plainBytes(file, options)) {
    const text = chunk.toString('latin1');
    const lines = (rest + (atStart ? text.replace(BYTE_ORDER_MARK, '') : text)).split('\n');
    atStart = false;
    rest = (lines.pop() ?? '').slice(0, MAX_LINE_CHARACTERS);
    for (const line of lines) yield clean(line);
  }
  if (rest !== '') yield clean(rest);
}

function clean(line: string): string {
  return (line.endsWith('\r') ? line.slice(0, -1) : line).slice(0, MAX_LINE_CHARACTERS);
}

async function* plainBytes(
  file: string,
  { onProgress, onDamaged, fd }: LineOptions,
): AsyncGenerator<Buffer> {
  try {
    const { size } = fd === undefined ? await stat(file) : fstatSync(fd);
    const stream = createReadStream(file, fd === undefined ? undefined : { fd });
    const chunks = progressing(stream, (read) => onProgress?.(read, size));
    const { value: first, done } = await chunks.next();
    if (done) return;
    if (first.subarray(0, 4).toString('latin1') === 'PAR1') throw parquet(file);
    const gzip = first[0] === 0x1f && first[1] === 0x8b;
    yield* gzip ? inflated(first, chunks, onDamaged) : withFirst(first, chunks);
  } catch (error) {
    if (error instanceof IsochroneError || (error as NodeJS.ErrnoException).syscall === undefined)
      throw error;
    throw unreadable(file, error);
  }
}

/**
 * Opens a log for another process, which may not open files.
 *
 * @returns the descriptor
 * @throws IsochroneError if the file cannot be opened
 */
export function openDescriptor(file: string): number {
  try {
    return openSync(file, 'r');
  } catch (error) {
    throw unreadable(file, error);
  }
}

function unreadable(file: string, error: unknown): IsochroneError {
  return new IsochroneError(
    `${file}: the log cannot be read (${(error as Error).message}).\n` +
      'Name an existing file with `--log`.',
  );
}

async function* progressing(
  stream: ReadStream,
  onRead: (bytes: number) => void,
): AsyncGenerator<Buffer, undefined> {
  for await (const chunk of stream) {
    onRead(stream.bytesRead);
    yield chunk as Buffer;
  }
}

async function* withFirst(first: Buffer, rest: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  yield first;
  yield* rest;
}

/**
 * Decompresses chunk by chunk. If the file is truncated, zlib discards its output for the chunk in
 * which it finds out, so that chunk should be small.
 */
async function* inflated(
  first: Buffer,
  rest: AsyncGenerator<Buffer>,
  onDamaged: LineOptions['onDamaged'],
): AsyncGenerator<Buffer> {
  const gunzip = createGunzip();
  const ready: Buffer[] = [];
  gunzip.on('data', (chunk: Buffer) => ready.push(chunk));
  const ended = finished(gunzip).then(
    () => undefined,
    (error: Error) => error.message,
  );
  for await (const chunk of withFirst(first, rest)) {
    // Garbage after the last member ends the stream without completing the write.
    const failure = await Promise.race([
      new Promise<unknown>((done) => gunzip.write(chunk, done)),
      ended,
    ]);
    yield* ready.splice(0);
    if (failure) break;
  }
  gunzip.end();
  const reason = await ended;
  yield* ready;
  if (reason !== undefined) onDamaged?.(reason);
}

function parquet(file: string): IsochroneError {
  return new IsochroneError(
    `${file}: Parquet is not supported.\n` +
      'Convert it with Athena, or make CloudFront deliver JSON: ' +
      "UNLOAD (SELECT * FROM your_logs) TO 's3://bucket/prefix/' " +
      "WITH (format = 'JSON', compression = 'GZIP').",
  );
}
