import { describeValue, IsochroneError } from '../errors';
import { checksum } from './cache-checksum';
import { compress, decompress } from './cache-compression';
import { type CacheEntry, CorruptEntryError, UnencodableValueError } from './cache-entry';
import { isWellFormed } from './cache-plain-values';
import { JsonSerializer } from './cache-serializer-json';
import { MessagePackSerializer } from './cache-serializer-msgpack';

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
   * The largest payload, before compression; larger ones are neither written nor read. 1 to 268,435,456 (256 MiB).
   *
   * @default 16,777,216 (16 MiB)
   */
  readonly maxEntryBytes?: number;
}

/*
 * An entry as bytes; numbers are little-endian.
 *
 *    0  0xC1, which begins no JSON, no UTF-8 text, no MessagePack and no zlib stream
 *    1  version of this layout
 *    2  flags
 *    3  number of tags
 *    4  xxHash32 of everything from byte 8 on, seeded with the flags and the number of tags
 *    8  bytes of all that follows the header: tags and payload
 *   12  bytes of the payload before compression
 *   16  createdAt, freshUntil, staleUntil: three doubles
 *   40  two lengths in UTF-16 units for each tag (tag, version), 16 bits each
 *       bytes of the text of all tags and versions, 32 bits, then that text (only where there are tags)
 *       payload
 */
const MAGIC = 0xc1;
const VERSION = 1;
const HEADER_BYTES = 40;
const MAX_TAGS = 255;
const MAX_TAG_UNITS = 0xffff;

const MSGPACK = 1;
const LOWERED = 2;
const DEFLATED = 4;
const ERROR = 8;
/** The payload is ASCII, which is read as Latin-1: faster than UTF-8. */
const ASCII = 16;
const KNOWN_FLAGS = 31;

/** A compressed payload must be smaller by this share, or it isn't worth its decompression at each read. */
const WORTHWHILE = 7 / 8;

/** Turns entries into bytes that say whether they are whole, and bytes into entries. */
export class CacheCodec {
  readonly #threshold: number;
  readonly #maxBytes: number;
  readonly #json: JsonSerializer;
  #messagePack: MessagePackSerializer | undefined;

  /** @throws IsochroneError for a bad option */
  constructor(options: CacheCodecOptions = {}) {
    this.#threshold = wholeNumber('compressionThresholdBytes', options.compressionThresholdBytes ?? 1024, 0);
    this.#maxBytes = wholeNumber('maxEntryBytes', options.maxEntryBytes ?? 16 * 1024 * 1024, 1);
    this.#json = new JsonSerializer(this.#maxBytes);
  }

  /**
   * The entry as bytes; a promise where more than 64 KiB are compressed, which happens on the thread pool.
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
    if (!format.compress || length < this.#threshold) return frame(entry, flags, payload, length, length);
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
      throw new CorruptEntryError('too-large', `${length} bytes of payload where ${this.#maxBytes} are the limit`);
    const { tags, tagVersions, end: start } = bytes[3] === 0 ? NO_TAGS : readTags(bytes, bytes[3] as number);
    if ((flags & DEFLATED) === 0) return decoded(view, flags, tags, tagVersions, this.#value(bytes, start, bytes.length, flags));
    const whole = this.#decompressed(bytes.subarray(start), length);
    if (!(whole instanceof Promise)) return decoded(view, flags, tags, tagVersions, this.#value(whole, 0, length, flags));
    return whole.then((late) => decoded(view, flags, tags, tagVersions, this.#value(late, 0, length, flags)), corrupt);
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
      return this.#json.decode(bytes.toString(flags & ASCII ? 'latin1' : 'utf8', start, end), lowered);
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

const NONE: readonly string[] = Object.freeze([]);
const NO_TAGS = { tags: NONE, tagVersions: NONE, end: HEADER_BYTES } as const;

function decoded(view: DataView, flags: number, tags: readonly string[], tagVersions: readonly string[], value: unknown): CacheEntry {
  return {
    kind: flags & ERROR ? 'error' : 'value',
    value,
    freshUntil: view.getFloat64(24, true),
    staleUntil: view.getFloat64(32, true),
    createdAt: view.getFloat64(16, true),
    tags,
    tagVersions,
  };
}

function corrupt(error: unknown): never {
  throw new CorruptEntryError('payload', 'a payload that cannot be read', { cause: error });
}

function frame(entry: CacheEntry, flags: number, payload: Buffer | string, payloadBytes: number, originalBytes: number): Buffer {
  const { tags, tagVersions } = entry;
  const tagText = tags.length > 0 ? checkedTagText(tags, tagVersions) : '';
  const tagTextBytes = Buffer.byteLength(tagText);
  const start = HEADER_BYTES + (tags.length > 0 ? 4 * tags.length + 4 + tagTextBytes : 0);
  const bytes = Buffer.allocUnsafe(start + payloadBytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  bytes[0] = MAGIC;
  bytes[1] = VERSION;
  bytes[2] = flags;
  bytes[3] = tags.length;
  view.setUint32(8, start - HEADER_BYTES + payloadBytes, true);
  view.setUint32(12, originalBytes, true);
  view.setFloat64(16, entry.createdAt, true);
  view.setFloat64(24, entry.freshUntil, true);
  view.setFloat64(32, entry.staleUntil, true);
  if (tags.length > 0) {
    let at = HEADER_BYTES;
    for (let index = 0; index < tags.length; index++) {
      at = bytes.writeUInt16LE((tags[index] as string).length, at);
      at = bytes.writeUInt16LE((tagVersions[index] as string).length, at);
    }
    at = bytes.writeUInt32LE(tagTextBytes, at);
    bytes.write(tagText, at);
  }
  if (typeof payload !== 'string') payload.copy(bytes, start);
  else bytes.write(payload, start, payloadBytes, flags & ASCII ? 'latin1' : 'utf8');
  view.setUint32(4, checksum(view, 8, flags | (tags.length << 8)), true);
  return bytes;
}

function checkedTagText(tags: readonly string[], tagVersions: readonly string[]): string {
  const texts = tags.flatMap((tag, index) => [tag, tagVersions[index]]);
  if (
    tags.length > MAX_TAGS ||
    tags.length !== tagVersions.length ||
    !texts.every((text) => typeof text === 'string' && text.length <= MAX_TAG_UNITS && isWellFormed(text))
  ) {
    throw new UnencodableValueError(
      'its tags',
      `${tags.length} tags and ${tagVersions.length} versions: ${describeValue(tags)}`,
      `An entry has at most ${MAX_TAGS} tags, each with one version; both are well-formed text of at most ${MAX_TAG_UNITS} characters.`,
      'Give fewer or shorter tags.',
    );
  }
  return texts.join('');
}

function readTags(bytes: Buffer, count: number): { tags: string[]; tagVersions: string[]; end: number } {
  const textAt = HEADER_BYTES + 4 * count + 4;
  if (textAt > bytes.length) throw new CorruptEntryError('payload', 'tags beyond its end');
  const end = textAt + bytes.readUInt32LE(textAt - 4);
  if (end > bytes.length) throw new CorruptEntryError('payload', 'tags beyond its end');
  const text = bytes.toString('utf8', textAt, end);
  const tags: string[] = [];
  const tagVersions: string[] = [];
  let position = 0;
  for (let index = 0; index < count; index++) {
    const at = HEADER_BYTES + 4 * index;
    const middle = position + bytes.readUInt16LE(at);
    const next = middle + bytes.readUInt16LE(at + 2);
    tags.push(text.slice(position, middle));
    tagVersions.push(text.slice(middle, next));
    position = next;
  }
  if (position !== text.length) throw new CorruptEntryError('payload', 'tags of another length than it says');
  return { tags, tagVersions, end };
}

function checkedFlags(view: DataView): number {
  const bytes = view.byteLength;
  if (bytes === 0 || view.getUint8(0) !== MAGIC) throw new CorruptEntryError('foreign', `${bytes} bytes of something else`);
  if (bytes < HEADER_BYTES) throw new CorruptEntryError('truncated', `${bytes} bytes, fewer than its header has`);
  if (view.getUint8(1) !== VERSION) throw new CorruptEntryError('version', `layout ${view.getUint8(1)} where ${VERSION} is known`);
  const length = HEADER_BYTES + view.getUint32(8, true);
  if (length !== bytes) throw new CorruptEntryError('truncated', `${bytes} bytes of ${length}`);
  if (checksum(view, 8, view.getUint16(2, true)) !== view.getUint32(4, true)) {
    throw new CorruptEntryError('checksum', 'bytes that do not match their checksum');
  }
  const flags = view.getUint8(2);
  if (flags > KNOWN_FLAGS) throw new CorruptEntryError('payload', `unknown flags ${flags}`);
  return flags;
}

function wholeNumber(name: string, value: number, least: number): number {
  const most = 256 * 1024 * 1024;
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new IsochroneError(
    `CacheCodec: ${name} must be a whole number of ${least} to ${most}, got ${describeValue(value)}.\n` +
      'An entry is held in memory as a whole, and Redis allows 512 MiB. Give it in bytes.',
  );
}
