import {
  constants,
  deflateRaw,
  deflateRawSync,
  type InputType,
  inflateRaw,
  inflateRawSync,
  type ZlibOptions,
} from 'node:zlib';

/**
 * Above this many bytes, zlib runs on the thread pool: it would block the event loop for more than
 * about 0.1 ms (64 KiB of JSON: 0.06 ms to compress, 0.03 ms to decompress).
 */
export const THREAD_POOL_BYTES = 64 * 1024;

/**
 * Raw deflate at its lowest level. For 1 KiB to 4 MiB of JSON, its output is within two percentage
 * points of the size that brotli 4 and deflate 6 reach, in a third of their time or less, and no
 * candidate decompresses faster (docs/runtime/values.md has the figures). A cached value is read
 * only a few times per write, so time matters more than the last two points.
 */
const DEFLATE: ZlibOptions = { level: constants.Z_BEST_SPEED };

/** Compresses bytes. Returns a promise above 64 KiB. */
export function compress(bytes: Buffer): Buffer | Promise<Buffer> {
  if (bytes.length <= THREAD_POOL_BYTES) return deflateRawSync(bytes, DEFLATE);
  return onThreadPool(deflateRaw, bytes, DEFLATE);
}

/**
 * Decompresses bytes. Returns a promise above 64 KiB.
 *
 * @param length the length of the result. zlib stops at the first byte above it, so a decompression
 * bomb takes no more memory than the length it claims.
 * @throws RangeError or zlib's error if the bytes are incomplete or corrupt
 */
export function decompress(bytes: Buffer, length: number): Buffer | Promise<Buffer> {
  // zlib refuses a limit of 0.
  const options: ZlibOptions = { maxOutputLength: Math.max(length, 1) };
  if (length <= THREAD_POOL_BYTES && bytes.length <= THREAD_POOL_BYTES)
    return ofLength(inflateRawSync(bytes, options), length);
  return onThreadPool(inflateRaw, bytes, options).then((result) => ofLength(result, length));
}

function ofLength(bytes: Buffer, length: number): Buffer {
  if (bytes.length !== length)
    throw new RangeError(`${bytes.length} bytes decompressed where ${length} were compressed`);
  return bytes;
}

type ZlibCall = (
  bytes: InputType,
  options: ZlibOptions,
  done: (error: Error | null, result: Buffer) => void,
) => void;

function onThreadPool(call: ZlibCall, bytes: Buffer, options: ZlibOptions): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    call(bytes, options, (error, result) => (error ? reject(error) : resolve(result)));
  });
}
