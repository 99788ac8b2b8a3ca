import { deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { CacheCodec, type CacheEntry, CorruptEntryError } from '../../../lib/runtime/entries';
import {
  ASCII,
  DEFLATED,
  ENCODED,
  ERROR,
  KEYED,
  MSGPACK,
  writeFrame,
} from '../../../lib/runtime/entries/frame';

const codec = new CacheCodec();
const ENTRY: CacheEntry = {
  kind: 'value',
  value: undefined,
  createdAt: 1,
  freshUntil: 2,
  staleUntil: 3,
  tags: [],
  tagVersions: [],
};

/** An entry with a correct header and checksum, as anybody who can write to the server makes it. */
function forged(
  payload: Buffer | string,
  flags: number,
  length = Buffer.byteLength(payload),
  entry: Partial<CacheEntry> = {},
): Buffer {
  return writeFrame({ ...ENTRY, ...entry }, flags, payload, Buffer.byteLength(payload), length);
}

const decode = async (bytes: Buffer) => codec.decode(bytes);

const bytes = (...parts: (number | string | Buffer)[]) =>
  Buffer.concat(
    parts.map((part) => (typeof part === 'number' ? Buffer.of(part) : Buffer.from(part))),
  );

const uint32 = (value: number) => {
  const written = Buffer.alloc(4);
  written.writeUInt32BE(value);
  return written;
};

/** Nested containers, each begun by `open` and ended by `close`. */
const nested = (levels: number, open: string, inner: string, close: string) =>
  open.repeat(levels) + inner + close.repeat(levels);

describe('an entry that claims more than it holds is corrupt, and takes no time', () => {
  test.each<[string, Buffer]>([
    ['an array with 2^32-1 holes', forged('[[4294967295,[]],[["h",[]]]]', ENCODED | ASCII)],
    ['an array with 2^53 holes', forged('[[9007199254740991,[]],[["h",[]]]]', ENCODED | ASCII)],
    ['an item far behind the end', forged('[[2,[4294967290,1]],[["h",[]]]]', ENCODED | ASCII)],
    ['an item that names a property', forged('[[2,["length",9]],[["h",[]]]]', ENCODED | ASCII)],
    ['a negative length', forged('[[-1,[]],[["h",[]]]]', ENCODED | ASCII)],
    ['a date from a list', forged('[[1],[["d",[]]]]', ENCODED | ASCII)],
    ['a lastIndex that is a list', forged('[["a","g",[1]],[["r",[]]]]', ENCODED | ASCII)],
    ['MessagePack: an array of 2^32-1', forged(bytes(0xdd, uint32(2 ** 32 - 1)), MSGPACK)],
    ['MessagePack: an array of 65,535', forged(bytes(0xdc, 0xff, 0xff), MSGPACK)],
    ['MessagePack: a map of 2^32-1', forged(bytes(0xdf, uint32(2 ** 32 - 1)), MSGPACK)],
    ['MessagePack: a map of 65,535', forged(bytes(0xde, 0xff, 0xff), MSGPACK)],
    ['MessagePack: text of 4 GiB', forged(bytes(0xdb, uint32(2 ** 32 - 1), 'a'), MSGPACK)],
    ['MessagePack: bytes of 4 GiB', forged(bytes(0xc6, uint32(2 ** 32 - 1), 'a'), MSGPACK)],
    ['MessagePack: an extension of 4 GiB', forged(bytes(0xc9, uint32(2 ** 32 - 1), 1), MSGPACK)],
    ['MessagePack: half a number', forged(bytes(0xcf, 1, 2), MSGPACK)],
    ['MessagePack: bytes after the value', forged(bytes(1, 2), MSGPACK)],
    [
      'MessagePack: arrays of 2^32-1 in each other',
      forged(Buffer.concat(Array(200).fill(bytes(0xdd, uint32(2 ** 32 - 1)))), MSGPACK),
    ],
    ['MessagePack: a reference', forged(bytes(0xd6, 0x70, uint32(1)), MSGPACK)],
    ['MessagePack: a record', forged(bytes(0xd4, 0x72, 0x40, 0x91, 0xa1, 'a', 1), MSGPACK)],
    ['MessagePack: a big integer of its own', forged(bytes(0xc7, 2, 0x42, 1, 2), MSGPACK)],
    ['an error without a message', forged('{"name":"E"}', ERROR | ASCII)],
    ['an error whose name cannot be text', forged('{"name":{"toString":1},"message":""}', ERROR)],
    ['an error that is a list', forged('["E"]', ERROR | ASCII)],
    ['a payload longer than its length', forged('[1,2,3]', ASCII, 1)],
    ['a payload that inflates to more', forged(deflateRawSync(Buffer.alloc(1e6)), DEFLATED, 10)],
    [
      'a payload that inflates to more, on the thread pool',
      forged(deflateRawSync(Buffer.alloc(1e8)), DEFLATED, 1e6),
    ],
    ['a payload above the limit', forged(deflateRawSync(Buffer.alloc(1e6)), DEFLATED, 2 ** 32 - 1)],
    ['times that are no numbers', forged('1', ASCII, 1, { staleUntil: Number.NaN })],
    ['times without an end', forged('1', ASCII, 1, { staleUntil: Number.POSITIVE_INFINITY })],
    ['times out of order', forged('1', ASCII, 1, { freshUntil: 0 })],
  ])('%s', async (_, entry) => {
    await expect(decode(entry)).rejects.toBeInstanceOf(CorruptEntryError);
  });
});

describe('depth', () => {
  const JSON_ARRAYS = (levels: number) => forged(nested(levels, '[', '1', ']'), ASCII);
  const JSON_OBJECTS = (levels: number) => forged(nested(levels, '{"a":', '1', '}'), ASCII);
  const MSGPACK_ARRAYS = (levels: number) => forged(bytes(Buffer.alloc(levels, 0x91), 1), MSGPACK);
  const MSGPACK_MAPS = (levels: number) =>
    forged(bytes(Buffer.from('81a161'.repeat(levels), 'hex'), 1), MSGPACK);

  test.each([
    ['JSON arrays', JSON_ARRAYS],
    ['JSON objects', JSON_OBJECTS],
    ['MessagePack arrays', MSGPACK_ARRAYS],
    ['MessagePack maps', MSGPACK_MAPS],
  ])('%s: 1,000 levels are read, and 100,000 are corrupt', async (_, nest) => {
    await expect(decode(nest(1000))).resolves.toBeDefined();
    await expect(decode(nest(1100))).rejects.toBeInstanceOf(CorruptEntryError);
    await expect(decode(nest(100_000))).rejects.toBeInstanceOf(CorruptEntryError);
  });

  test('what was written with 1,000 levels is read', async () => {
    let value: unknown = new Map([[1, undefined]]);
    for (let level = 1; level < 1000; level++) value = level % 2 ? [value] : { a: value };
    for (const serializer of ['json', 'msgpack'] as const) {
      const read = await decode(
        await codec.encode({ ...ENTRY, value }, { serializer, compress: false }),
      );
      expect(read.value).toEqual(value);
    }
  });
});

test('random MessagePack is a value or a corrupt entry', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (payload) => {
      const outcome = await decode(forged(Buffer.from(payload), MSGPACK)).catch((error) => error);
      expect(outcome instanceof CorruptEntryError || 'value' in outcome).toBe(true);
    }),
    { numRuns: 3000 },
  );
});

test('an entry with changed bytes and a correct checksum is a value or corrupt', async () => {
  const value = { a: [1, new Date(0), undefined, new Map([['k', 1n]]), /x/g, Buffer.from('b')] };
  const texts = [
    [await payloadOf('json'), ENCODED],
    [await payloadOf('msgpack'), ENCODED | MSGPACK],
  ] as const;

  async function payloadOf(serializer: 'json' | 'msgpack'): Promise<Buffer> {
    const encoded = await codec.encode({ ...ENTRY, value }, { serializer, compress: false });
    return encoded.subarray(40);
  }
  const change = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }));
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...texts),
      fc.array(change, { minLength: 1, maxLength: 4 }),
      async ([payload, flags], changes) => {
        const changed = Buffer.from(payload);
        for (const [at, byte] of changes) changed[at % changed.length] = byte;
        const outcome = await decode(forged(changed, flags)).catch((error) => error);
        expect(outcome instanceof CorruptEntryError || 'value' in outcome).toBe(true);
      },
    ),
    { numRuns: 5000 },
  );
});

test.each([
  ['longer than the entry', 0xffffffff],
  ['longer than the entry by a unit', 14],
  ['of half a unit', 5],
])('a key that is %s is corrupt', async (_, length) => {
  const written = forged('1', ASCII, 1, { key: 'key' });
  // The header has 40 bytes; no tags, so the key follows, behind its length.
  const body = Buffer.from(written.subarray(40));
  body.writeUInt32LE(length, 0);
  await expect(decode(forged(body, KEYED | ASCII, 1))).rejects.toThrow(CorruptEntryError);
  await expect(decode(forged('1', KEYED | ASCII, 1))).rejects.toThrow(CorruptEntryError);
  expect(await decode(written)).toMatchObject({ key: 'key', value: 1 });
});
