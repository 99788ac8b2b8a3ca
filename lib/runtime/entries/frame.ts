import { describeValue } from '../../model/errors';
import { isWellFormed } from '../shared';
import { checksum } from './checksum';
import {
  type CacheEntry,
  CorruptEntryError,
  type DecodedEntry,
  UnencodableValueError,
} from './entry';

/*
 * The layout of an entry in bytes. Numbers are little-endian.
 *
 *    0  0xC1, with which no JSON, UTF-8 text, MessagePack or zlib stream begins
 *    1  version of this layout
 *    2  flags
 *    3  number of tags
 *    4  xxHash32 of everything from byte 8 on, seeded with the flags and the number of tags
 *    8  length of everything after the header (tags and payload), in bytes
 *   12  length of the payload before compression, in bytes
 *   16  createdAt, freshUntil, staleUntil: three doubles
 *   40  if there are tags: for each tag, the lengths of tag and version in UTF-16 units, 16 bits
 *       each; the length of the text of all tags and versions in bytes, 32 bits; that text
 *       if the entry has its key: the length of the key in bytes, 32 bits; the key in UTF-16
 *       payload
 */
const MAGIC = 0xc1;
const VERSION = 1;
const HEADER_BYTES = 40;
const MAX_TAGS = 255;
const MAX_TAG_UNITS = 0xffff;

export const MSGPACK = 1 << 0;
/** The payload is an encoded value with its type annotations; see encoder.ts. */
export const ENCODED = 1 << 1;
export const DEFLATED = 1 << 2;
export const ERROR = 1 << 3;
/** The payload is ASCII. It is read as Latin-1, which is faster than UTF-8. */
export const ASCII = 1 << 4;
/** The entry has its key. */
export const KEYED = 1 << 5;
const MAX_FLAGS = MSGPACK | ENCODED | DEFLATED | ERROR | ASCII | KEYED;

const NO_TEXTS: readonly string[] = Object.freeze([]);
export const NO_TAGS = { tags: NO_TEXTS, tagVersions: NO_TEXTS, end: HEADER_BYTES } as const;

/**
 * Builds an entry from its header, its tags and its value.
 *
 * @throws CorruptEntryError for times or an error that no writer stores
 */
export function entryOf(
  view: DataView,
  flags: number,
  { tags, tagVersions }: Pick<CacheEntry, 'tags' | 'tagVersions'>,
  key: string | undefined,
  value: unknown,
): DecodedEntry {
  const createdAt = view.getFloat64(16, true);
  const freshUntil = view.getFloat64(24, true);
  const staleUntil = view.getFloat64(32, true);
  // Written so that NaN is refused too: it would compare as neither fresh nor expired.
  if (
    !(
      createdAt <= freshUntil &&
      freshUntil <= staleUntil &&
      staleUntil - createdAt < Number.POSITIVE_INFINITY
    )
  )
    throw new CorruptEntryError('payload', 'times that are not in order');
  if (flags & ERROR && !isCachedError(value))
    throw new CorruptEntryError('payload', 'an error without its name or message');
  return {
    kind: flags & ERROR ? 'error' : 'value',
    value,
    plain: (flags & (MSGPACK | ENCODED)) === 0,
    createdAt,
    freshUntil,
    staleUntil,
    tags,
    tagVersions,
    key,
  };
}

/** Whether the value of an entry of the kind `error` is as `CacheEntry.kind` says. */
function isCachedError(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { name, message, code } = value as Readonly<Record<string, unknown>>;
  return (
    typeof name === 'string' &&
    typeof message === 'string' &&
    (code === undefined || typeof code === 'string' || typeof code === 'number')
  );
}

/** Writes an entry whose payload is already serialized. */
export function writeFrame(
  entry: CacheEntry,
  flags: number,
  payload: Buffer | string,
  payloadBytes: number,
  originalBytes: number,
): Buffer {
  const { tags, tagVersions, key } = entry;
  const tagText = tags.length > 0 ? checkedTagText(tags, tagVersions) : '';
  const tagTextBytes = Buffer.byteLength(tagText);
  const keyAt = HEADER_BYTES + (tags.length > 0 ? 4 * tags.length + 4 + tagTextBytes : 0);
  const start = keyAt + (key === undefined ? 0 : 4 + 2 * key.length);
  const allFlags = key === undefined ? flags : flags | KEYED;
  const bytes = Buffer.allocUnsafe(start + payloadBytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  bytes[0] = MAGIC;
  bytes[1] = VERSION;
  bytes[2] = allFlags;
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
  if (key !== undefined) bytes.write(key, bytes.writeUInt32LE(2 * key.length, keyAt), 'utf16le');
  if (typeof payload !== 'string') payload.copy(bytes, start);
  else bytes.write(payload, start, payloadBytes, flags & ASCII ? 'latin1' : 'utf8');
  view.setUint32(4, checksum(view, 8, allFlags | (tags.length << 8)), true);
  return bytes;
}

function checkedTagText(tags: readonly string[], tagVersions: readonly string[]): string {
  const texts = tags.flatMap((tag, index) => [tag, tagVersions[index]]);
  if (
    tags.length > MAX_TAGS ||
    tags.length !== tagVersions.length ||
    !texts.every(
      (text) => typeof text === 'string' && text.length <= MAX_TAG_UNITS && isWellFormed(text),
    )
  ) {
    throw new UnencodableValueError(
      'its tags',
      `${tags.length} tags and ${tagVersions.length} versions: ${describeValue(tags)}`,
      `An entry has at most ${MAX_TAGS} tags, each with one version. ` +
        `Both are well-formed text of at most ${MAX_TAG_UNITS} characters.`,
      'Give fewer or shorter tags.',
    );
  }
  return texts.join('');
}

/**
 * Reads the tags of an entry.
 *
 * @throws CorruptEntryError
 */
export function readTags(
  bytes: Buffer,
  count: number,
): { tags: string[]; tagVersions: string[]; end: number } {
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
  if (position !== text.length)
    throw new CorruptEntryError('payload', 'tags of another length than stated');
  return { tags, tagVersions, end };
}

/**
 * Reads the key of an entry that has it.
 *
 * @param at the end of the tags
 * @throws CorruptEntryError
 */
export function readKey(bytes: Buffer, at: number): { key: string; end: number } {
  const textAt = at + 4;
  if (textAt > bytes.length) throw new CorruptEntryError('payload', 'a key beyond its end');
  const length = bytes.readUInt32LE(at);
  const end = textAt + length;
  if (end > bytes.length || length % 2 !== 0)
    throw new CorruptEntryError('payload', `a key of ${length} bytes`);
  return { key: bytes.toString('utf16le', textAt, end), end };
}

/**
 * Checks the header and the checksum of an entry, and returns its flags.
 *
 * @throws CorruptEntryError
 */
export function checkHeader(view: DataView): number {
  const bytes = view.byteLength;
  if (bytes === 0 || view.getUint8(0) !== MAGIC)
    throw new CorruptEntryError('foreign', `${bytes} bytes of something else`);
  if (bytes < HEADER_BYTES)
    throw new CorruptEntryError('truncated', `${bytes} bytes, fewer than a header has`);
  if (view.getUint8(1) !== VERSION)
    throw new CorruptEntryError(
      'version',
      `layout ${view.getUint8(1)}, where only ${VERSION} is known`,
    );
  const length = HEADER_BYTES + view.getUint32(8, true);
  if (length !== bytes) throw new CorruptEntryError('truncated', `${bytes} bytes of ${length}`);
  if (checksum(view, 8, view.getUint16(2, true)) !== view.getUint32(4, true)) {
    throw new CorruptEntryError('checksum', 'bytes that do not match their checksum');
  }
  const flags = view.getUint8(2);
  if (flags > MAX_FLAGS) throw new CorruptEntryError('payload', `unknown flags ${flags}`);
  return flags;
}
