import { wholeNumber } from '../shared';
import { compress, decompress } from './compression';
import { type CacheEntry, CorruptEntryError, UnencodableValueError } from './entry';
import {
  ASCII,
  checkedFlags,
  DEFLATED,
  decoded,
  ERROR,
  frame,
  LOWERED,
  MSGPACK,
  NO_TAGS,
  readTags,
} from './frame';
import { JsonSerializer } from './serializer-json';
import { MessagePackSerializer } from './serializer-msgpack';

/** The format of one entry: as in a `CacheStrategy`. */
export interface CacheFormat {
  readonly serializer: 'json' | 'msgpack';
  readonly compress: boolean;
}

/** Settings of a CacheCodec. */
export interface CacheCodecOptions {
  /**
   * Payloads of fewer bytes are not compressed, even where the format asks for it.
   *
   * @default 1024
   */
  readonly compressionThresholdBytes?: number;
  /**
   * The largest payload, before compression; larger ones are neither written nor read. 1 to
   * 268,435,456 (256 MiB).
   *
   * @default 16,777,216 (16 MiB)
   */
  readonly maxEntryBytes?: number;
}

/**
 * A compressed payload must be smaller by this share, or it isn't worth its decompression at each
 * read.
 */
const WORTHWHILE = 7 / 8;

/** Turns entries into bytes that say whether they are whole, and bytes into entries. */
export class CacheCodec {
  readonly #threshold: number;
  readonly #maxBytes: number;
  readonly #json: JsonSerializer;
  #messagePack: MessagePackSerializer | undefined;

  /** @throws IsochroneError for a bad option */
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
   * The entry as bytes; a promise where more than 64 KiB are compressed, which happens on the
   * thread pool.
   *
   * @throws UnencodableValueError for a value, or tags, that would not come back as they were
   */
  encode(entry: CacheEntry, format: CacheFormat): Buffer | Promise<Buffer> {
    let flags = entry.kind === 'error' ? ERROR : 0;
    let payload: Buffer | string;
    let length: number;
    try {
      if (format.serializer === 'msgpack') {
        const { bytes, lowered } = this.#messagePackSerializer().encode(entry.value);
        payload = bytes;
        length = bytes.length;
        flags |= lowered ? MSGPACK | LOWERED : MSGPACK;
      } else {
        const { text, lowered } = this.#json.encode(entry.value);
        payload = text;
        length = Buffer.byteLength(text);
        flags |= (lowered ? LOWERED : 0) | (length === text.length ? ASCII : 0);
      }
    } catch (error) {
      // A value of too many objects, or a text longer than V8 allows.
      if (error instanceof RangeError) throw this.#tooLarge(error.message);
      throw error;
    }
    if (length > this.#maxBytes) throw this.#tooLarge(`${length} bytes`);
    if (!format.compress || length < this.#threshold)
      return frame(entry, flags, payload, length, length);
    const original = typeof payload === 'string' ? Buffer.from(payload) : payload;
    const framed = (compressed: Buffer) =>
      compressed.length <= length * WORTHWHILE
        ? frame(entry, flags | DEFLATED, compressed, compressed.length, length)
        : frame(entry, flags, original, length, length);
    const compressed = compress(original);
    return compressed instanceof Promise ? compressed.then(framed) : framed(compressed);
  }

  /**
   * The entry that was encoded; a promise where more than 64 KiB have to be decompressed.
   *
   * @throws CorruptEntryError for bytes that are not a whole entry of a known version
   */
  decode(bytes: Buffer): CacheEntry | Promise<CacheEntry> {
    // One view for the header and the checksum: twice as fast as the readers of Buffer.
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const flags = checkedFlags(view);
    const length = view.getUint32(12, true);
    if (length > this.#maxBytes)
      throw new CorruptEntryError(
        'too-large',
        `${length} bytes of payload where ${this.#maxBytes} are the limit`,
      );
    const {
      tags,
      tagVersions,
      end: start,
    } = bytes[3] === 0 ? NO_TAGS : readTags(bytes, bytes[3] as number);
    if ((flags & DEFLATED) === 0)
      return decoded(
        view,
        flags,
        tags,
        tagVersions,
        this.#value(bytes, start, bytes.length, flags),
      );
    const whole = this.#decompressed(bytes.subarray(start), length);
    if (!(whole instanceof Promise))
      return decoded(view, flags, tags, tagVersions, this.#value(whole, 0, length, flags));
    return whole.then(
      (late) => decoded(view, flags, tags, tagVersions, this.#value(late, 0, length, flags)),
      corrupt,
    );
  }

  #decompressed(bytes: Buffer, length: number): Buffer | Promise<Buffer> {
    try {
      return decompress(bytes, length);
    } catch (error) {
      return corrupt(error);
    }
  }

  #value(bytes: Buffer, start: number, end: number, flags: number): unknown {
    const lowered = (flags & LOWERED) !== 0;
    // A missing msgpackr is no corruption.
    const messagePack = flags & MSGPACK ? this.#messagePackSerializer() : undefined;
    try {
      if (messagePack !== undefined) return messagePack.decode(bytes.subarray(start, end), lowered);
      return this.#json.decode(
        bytes.toString(flags & ASCII ? 'latin1' : 'utf8', start, end),
        lowered,
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
      'Keep a part of it, or raise maxEntryBytes.',
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
