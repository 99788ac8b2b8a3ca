import { wholeNumber } from '../shared';
import { compress, decompress } from './compression';
import {
  type CacheEntry,
  CorruptEntryError,
  type DecodedEntry,
  UnencodableValueError,
} from './entry';
import {
  ASCII,
  checkHeader,
  DEFLATED,
  ENCODED,
  ERROR,
  entryOf,
  KEYED,
  MSGPACK,
  NO_TAGS,
  readKey,
  readTags,
  writeFrame,
} from './frame';
import { JsonSerializer, MessagePackSerializer } from './serializers';

/** The format of an entry, as a `CacheStrategy` gives it. */
export interface CacheFormat {
  readonly serializer: 'json' | 'msgpack';
  readonly compress: boolean;
}

/** Options of a CacheCodec. */
export interface CacheCodecOptions {
  /**
   * The smallest payload that is compressed, in bytes, if the format compresses.
   *
   * @default 1024
   */
  readonly compressionThresholdBytes?: number;
  /**
   * The largest payload in bytes, before compression. Larger payloads are neither written nor read.
   * 1 to 268,435,456 (256 MiB).
   *
   * @default 16,777,216 (16 MiB)
   */
  readonly maxEntryBytes?: number;
}

/**
 * The largest share of its original size that a compressed payload may have. Above it, the saving
 * is not worth the decompression on each read.
 */
const MAX_COMPRESSED_SHARE = 7 / 8;

/** Encodes entries as bytes with a checksum, and decodes them. */
export class CacheCodec {
  readonly #threshold: number;
  readonly #maxBytes: number;
  readonly #json: JsonSerializer;
  #messagePack: MessagePackSerializer | undefined;

  /** @throws IsochroneError for an invalid option */
  constructor(options: CacheCodecOptions = {}) {
    this.#threshold = byteCount(
      'compressionThresholdBytes',
      options.compressionThresholdBytes ?? 1024,
      0,
    );
    this.#maxBytes = byteCount('maxEntryBytes', options.maxEntryBytes ?? 16 * 1024 * 1024, 1);
    this.#json = new JsonSerializer(this.#maxBytes);
  }

  /**
   * Encodes an entry. Returns a promise if it compresses more than 64 KiB, which it does on the
   * thread pool.
   *
   * @throws UnencodableValueError for a value, or tags, that could not be decoded unchanged
   */
  encode(entry: CacheEntry, format: CacheFormat): Buffer | Promise<Buffer> {
    let flags = entry.kind === 'error' ? ERROR : 0;
    let payload: Buffer | string;
    let length: number;
    try {
      if (format.serializer === 'msgpack') {
        const { bytes, encoded } = this.#messagePackSerializer().encode(entry.value);
        payload = bytes;
        length = bytes.length;
        flags |= encoded ? MSGPACK | ENCODED : MSGPACK;
      } else {
        const { text, encoded } = this.#json.encode(entry.value);
        payload = text;
        length = Buffer.byteLength(text);
        flags |= (encoded ? ENCODED : 0) | (length === text.length ? ASCII : 0);
      }
    } catch (error) {
      // The value has too many objects, or its text is longer than V8 allows.
      if (error instanceof RangeError) throw this.#tooLarge(error.message);
      throw error;
    }
    if (length > this.#maxBytes) throw this.#tooLarge(`${length} bytes`);
    if (!format.compress || length < this.#threshold)
      return writeFrame(entry, flags, payload, length, length);
    const original = typeof payload === 'string' ? Buffer.from(payload) : payload;
    const framed = (compressed: Buffer) =>
      compressed.length <= length * MAX_COMPRESSED_SHARE
        ? writeFrame(entry, flags | DEFLATED, compressed, compressed.length, length)
        : writeFrame(entry, flags, original, length, length);
    const compressed = compress(original);
    return compressed instanceof Promise ? compressed.then(framed) : framed(compressed);
  }

  /**
   * Decodes an entry. Returns a promise if it decompresses more than 64 KiB.
   *
   * @throws CorruptEntryError for bytes that are not a complete entry of a known version
   */
  decode(bytes: Buffer): DecodedEntry | Promise<DecodedEntry> {
    // A DataView for the header and the checksum is twice as fast as Buffer's methods.
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const flags = checkHeader(view);
    const length = view.getUint32(12, true);
    if (length > this.#maxBytes)
      throw new CorruptEntryError(
        'too-large',
        `a payload of ${length} bytes, more than ${this.#maxBytes}`,
      );
    const tagged = bytes[3] === 0 ? NO_TAGS : readTags(bytes, bytes[3] as number);
    const keyed = flags & KEYED ? readKey(bytes, tagged.end) : undefined;
    const start = keyed?.end ?? tagged.end;
    if ((flags & DEFLATED) === 0) {
      if (length !== bytes.length - start)
        throw new CorruptEntryError('payload', `a payload of another length than ${length}`);
      const value = this.#value(bytes, start, bytes.length, flags);
      return entryOf(view, flags, tagged, keyed?.key, value);
    }
    const entry = (decompressed: Buffer) =>
      entryOf(view, flags, tagged, keyed?.key, this.#value(decompressed, 0, length, flags));
    const payload = this.#decompressed(bytes.subarray(start), length);
    return payload instanceof Promise ? payload.then(entry, corrupt) : entry(payload);
  }

  #decompressed(bytes: Buffer, length: number): Buffer | Promise<Buffer> {
    try {
      return decompress(bytes, length);
    } catch (error) {
      return corrupt(error);
    }
  }

  #value(bytes: Buffer, start: number, end: number, flags: number): unknown {
    const encoded = (flags & ENCODED) !== 0;
    // A missing msgpackr does not make the entry corrupt.
    const messagePack = flags & MSGPACK ? this.#messagePackSerializer() : undefined;
    try {
      if (messagePack !== undefined) return messagePack.decode(bytes.subarray(start, end), encoded);
      return this.#json.decode(
        bytes.toString(flags & ASCII ? 'latin1' : 'utf8', start, end),
        encoded,
      );
    } catch (error) {
      return corrupt(error);
    }
  }

  #messagePackSerializer(): MessagePackSerializer {
    this.#messagePack ??= new MessagePackSerializer(this.#maxBytes);
    return this.#messagePack;
  }

  #tooLarge(got: string): UnencodableValueError {
    return new UnencodableValueError(
      '$',
      got,
      `An entry is at most ${this.#maxBytes} bytes before compression (maxEntryBytes).`,
      'Cache a part of it, or raise maxEntryBytes.',
    );
  }
}

function corrupt(error: unknown): never {
  throw new CorruptEntryError('payload', 'a payload that cannot be read', { cause: error });
}

/** Checks an option that is a number of bytes, from `min` up to 256 MiB. */
function byteCount(property: string, value: number, min: number): number {
  return wholeNumber(property, value, {
    owner: 'CacheCodec',
    min,
    max: 256 * 1024 * 1024,
    rule: 'An entry is held in memory as a whole, and Redis allows 512 MiB.',
    fix: 'Give it in bytes.',
  });
}
