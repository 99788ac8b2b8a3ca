import { inspect } from 'node:util';
import fc from 'fast-check';
import { checksum } from '../../../lib/runtime/entries/checksum';
import { CacheCodec, type CacheFormat } from '../../../lib/runtime/entries/codec';
import {
  type CacheEntry,
  CorruptEntryError,
  UnencodableValueError,
} from '../../../lib/runtime/entries/entry';

const FORMATS: readonly CacheFormat[] = [
  { serializer: 'json', compress: false },
  { serializer: 'json', compress: true },
  { serializer: 'msgpack', compress: false },
  { serializer: 'msgpack', compress: true },
];

const JSON_FORMAT = { serializer: 'json', compress: false } as const;
const DEEP = {
  depth: null,
  maxArrayLength: null,
  maxStringLength: null,
  showHidden: false,
} as const;

const codec = new CacheCodec();

function entry(value: unknown, rest: Partial<CacheEntry> = {}): CacheEntry {
  return {
    kind: 'value',
    value,
    freshUntil: 2,
    staleUntil: 3,
    createdAt: 1,
    tags: [],
    tagVersions: [],
    ...rest,
  };
}

async function roundTrip(value: unknown, format: CacheFormat): Promise<unknown> {
  return (await codec.decode(await codec.encode(entry(value), format))).value;
}

function sparse(length: number, items: Readonly<Record<number, unknown>>): unknown[] {
  const array: unknown[] = [];
  array.length = length;
  for (const [index, item] of Object.entries(items)) array[Number(index)] = item;
  return array;
}

function nested(levels: number): unknown {
  let value: unknown = 'deep';
  for (let level = 0; level < levels; level++) value = level % 2 ? { value } : [value];
  return value;
}

const shared = { price: 1 };

describe.each(FORMATS)('as $serializer, compressed: $compress', (format) => {
  test.each<[string, unknown]>([
    ['null', null],
    ['undefined', undefined],
    ['nested undefined', { a: undefined, b: [undefined, { c: undefined }] }],
    ['true', true],
    ['an empty string', ''],
    ['text of every Unicode plane', 'ö€😀\u0000\u2028'],
    ['a lone surrogate', { short: '\ud800', long: 'x\udc00'.repeat(100) }],
    ['a lone surrogate in a key', { '\ud800': 1, b: { '\udfff': [2] } }],
    [
      'integers',
      [
        0,
        1,
        -1,
        2 ** 31,
        -(2 ** 31) - 1,
        2 ** 32,
        2 ** 53,
        Number.MAX_SAFE_INTEGER,
        Number.MIN_SAFE_INTEGER,
        2 ** 64,
      ],
    ],
    ['fractions', [0.1, 5e-324, 1.7976931348623157e308, -1.5]],
    [
      'numbers that JSON lacks',
      { nan: Number.NaN, up: Number.POSITIVE_INFINITY, down: Number.NEGATIVE_INFINITY, zero: -0 },
    ],
    ['negative zero', -0],
    [
      'dates',
      [
        new Date(0),
        new Date(1_700_000_000_123),
        new Date(-1),
        new Date(8.64e15),
        new Date(-8.64e15),
      ],
    ],
    [
      'a map',
      new Map<unknown, unknown>([
        ['a', 1],
        [{ key: 1 }, new Map([[1, new Set([new Date(5)])]])],
        [undefined, -0],
      ]),
    ],
    ['a set', new Set<unknown>([1, 'a', undefined, Number.NaN, [1n]])],
    [
      'bigints',
      [
        0n,
        1n,
        -1n,
        2n ** 63n - 1n,
        -(2n ** 63n),
        2n ** 63n,
        2n ** 64n - 1n,
        2n ** 64n,
        -(2n ** 63n) - 1n,
        10n ** 100n,
        -(10n ** 100n),
      ],
    ],
    ['a buffer', { file: Buffer.from([0, 1, 255]), none: Buffer.alloc(0) }],
    [
      'typed arrays',
      [
        new Uint8Array([1, 2]),
        new Int16Array([-1]),
        new Float64Array([0.5, -0]),
        new BigInt64Array([-1n]),
        new Float32Array(0),
        new Uint8ClampedArray([255]),
      ],
    ],
    ['a view of a part of a typed array', new Uint16Array([1, 2, 3, 4]).subarray(1, 3)],
    ['an ArrayBuffer', new Uint8Array([1, 2, 3]).buffer],
    ['a data view', new DataView(new Uint8Array([9, 8, 7]).buffer, 1)],
    [
      'sparse arrays',
      [
        sparse(3, {}),
        sparse(5, { 1: undefined, 4: new Date(1) }),
        sparse(40_000, { 0: -0, 39999: 'end' }),
      ],
    ],
    ['a regular expression', [/a\/b/giu, /(?:)/]],
    ['an object without a prototype', { inner: Object.assign(Object.create(null), { a: 1 }) }],
    [
      'special keys of objects',
      {
        '': 1,
        '1': 2,
        'a.b': 3,
        constructor: 'x',
        toString: 4,
        hasOwnProperty: 5,
        toJSON: 6,
        length: 7,
      },
    ],
    ['one object twice', { a: shared, b: [shared, shared] }],
    ['an array of 100,000', Array.from({ length: 100_000 }, (_, index) => ({ index }))],
  ])('%s round-trips', async (_, value) => {
    expect(await roundTrip(value, format)).toStrictEqual(withPrototypes(value));
  });

  test('each type of bytes round-trips, with memory of its own', async () => {
    const [buffer, array] = (await roundTrip([Buffer.from('ab'), new Uint8Array([1])], format)) as [
      Buffer,
      Uint8Array,
    ];
    expect(Buffer.isBuffer(buffer)).toBe(true);
    expect(Buffer.isBuffer(array)).toBe(false);
    expect(array.buffer.byteLength).toBe(1);
  });

  test('a decoded buffer does not share memory with the encoded bytes', async () => {
    const bytes = await codec.encode(entry(Buffer.from('abc')), format);
    const decoded = await codec.decode(bytes);
    bytes.fill(0);
    expect(String(decoded.value)).toBe('abc');
  });

  test('an invalid date stays a date', async () => {
    const { at } = (await roundTrip({ at: new Date(Number.NaN) }, format)) as { at: Date };
    expect(at).toBeInstanceOf(Date);
    expect(at.getTime()).toBeNaN();
  });

  test('a sparse array takes bytes for its items only, and its length is limited', async () => {
    const codecOf1000 = new CacheCodec({ maxEntryBytes: 1000 });
    const encoded = codecOf1000.encode(entry(sparse(1000, { 0: 'a', 999: -0 })), format) as Buffer;
    expect(encoded.length).toBeLessThan(200);
    const back = (await codecOf1000.decode(encoded)).value as unknown[];
    expect([back.length, Object.keys(back), back[0], Object.is(back[999], -0)]).toEqual([
      1000,
      ['0', '999'],
      'a',
      true,
    ]);
    expect(() => codecOf1000.encode(entry({ a: sparse(1001, {}) }), format)).toThrow(
      expect.objectContaining({ path: '$.a' }),
    );
  });

  test('holes and undefined stay distinct', async () => {
    const back = (await roundTrip(sparse(3, { 1: undefined }), format)) as unknown[];
    expect([0 in back, 1 in back, back.length]).toEqual([false, true, 3]);
  });

  test('errors keep their properties, but not their stack', async () => {
    const error = Object.assign(new RangeError('too far', { cause: new TypeError('no') }), {
      code: 'EFAR',
      at: new Date(1),
    });
    const back = (await roundTrip({ error }, format)) as {
      error: RangeError & { code: string; at: Date };
    };
    expect(back.error).toBeInstanceOf(RangeError);
    expect(back.error.cause).toBeInstanceOf(TypeError);
    expect([
      back.error.name,
      back.error.message,
      back.error.code,
      back.error.at,
      back.error.stack,
    ]).toEqual(['RangeError', 'too far', 'EFAR', new Date(1), 'RangeError: too far']);
    expect(Object.keys(back.error)).toEqual(['code', 'at']);
  });

  test('an error of a custom class becomes an Error with its name', async () => {
    class QuotaError extends Error {
      override readonly name = 'QuotaError';
    }
    const back = (await roundTrip(
      new AggregateError([new QuotaError('x')], 'all'),
      format,
    )) as AggregateError;
    expect([back.name, back.message, (back.errors[0] as Error).name]).toEqual([
      'AggregateError',
      'all',
      'QuotaError',
    ]);
  });

  test('a key __proto__ stays a key, at any depth', async () => {
    const hostile: unknown = JSON.parse(
      '{"a":{"__proto__":{"polluted":true}},"__proto__":[{"__proto__":1}]}',
    );
    const back = (await roundTrip({ hostile, also: new Date(0) }, format)) as { hostile: object };
    expect(JSON.stringify(back.hostile)).toBe(JSON.stringify(hostile));
    expect(Object.getPrototypeOf(back.hostile)).toBe(Object.prototype);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  test('a value of 1,000 levels round-trips, and a deeper value is refused', async () => {
    expect(JSON.stringify(await roundTrip(nested(1000), format))).toBe(
      JSON.stringify(nested(1000)),
    );
    for (const levels of [1001, 10_000, 1_000_000]) {
      expect(() => codec.encode(entry(nested(levels)), format)).toThrow(/more than 1000 levels/);
    }
  });

  test('8 MiB of text and 8 MiB of bytes round-trip', async () => {
    const text = 'ab€d'.repeat(1_300_000);
    expect(((await roundTrip({ text }, format)) as { text: string }).text === text).toBe(true);
    const bytes = Buffer.alloc(8 * 1024 * 1024, 'isochrone');
    expect(((await roundTrip({ bytes }, format)) as { bytes: Buffer }).bytes.equals(bytes)).toBe(
      true,
    );
  });

  test.each<[string, string, () => unknown]>([
    ['a function', '$.user.save', () => ({ user: { save() {} } })],
    ['a symbol', '$[1]', () => [1, Symbol('x')]],
    ['a promise', '$', () => Promise.resolve(1)],
    ['an instance of URL', '$["the link"]', () => ({ 'the link': new URL('https://example.com') })],
    ['an instance of Number', '$', () => Object(1)],
    ['an instance of WeakMap', '$.get("key")', () => new Map([['key', new WeakMap()]])],
    ['a function', '$.toJSON', () => ({ toJSON: () => 'else' })],
    [
      'the object at $ again',
      '$.children[0].parent',
      () => {
        const parent: { children: unknown[] } = { children: [] };
        parent.children.push({ parent });
        return parent;
      },
    ],
    [
      'the object at $.a again',
      '$.a[0]',
      () => {
        const a: unknown[] = [];
        a.push(a);
        return { a };
      },
    ],
  ])('%s is refused at %s', (got, path, make) => {
    expect(() => codec.encode(entry(make()), format)).toThrow(
      expect.objectContaining({ name: 'UnencodableValueError', path }),
    );
    expect(() => codec.encode(entry(make()), format)).toThrow(
      `CacheCodec at ${path}: the value must be data that a cache can return unchanged, ` +
        `got ${got}.`,
    );
  });
});

/** An object without a prototype is decoded as an ordinary object (docs/runtime/values.md). */
function withPrototypes(value: unknown): unknown {
  const inner = (value as { inner?: object } | null | undefined)?.inner;
  return inner && Object.getPrototypeOf(inner) === null ? { inner: { ...inner } } : value;
}

describe('an entry', () => {
  const TAGGED = entry(
    { price: 1 },
    {
      tags: ['symbol:AAPL', 'ö€😀', ''],
      tagVersions: ['v1', '', 'v3'],
      createdAt: 1_700_000_000_000.5,
      freshUntil: 1_700_000_060_000,
      staleUntil: 1_700_000_090_000,
    },
  );

  test.each(FORMATS)(
    'keeps its times, tags and kind as $serializer, compressed: $compress',
    async (format) => {
      for (const kind of ['value', 'error'] as const) {
        const complete = {
          ...TAGGED,
          kind,
          value: { name: 'Error', message: 'x'.repeat(2000), code: 'E' },
        };
        const { plain, ...decoded } = await codec.decode(await codec.encode(complete, format));
        expect(decoded).toEqual(complete);
        expect(plain).toBe(format.serializer === 'json');
      }
    },
  );

  test.each(FORMATS)(
    'keeps its key, whatever its text, as $serializer, compressed: $compress',
    async (format) => {
      const text = fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.constantFrom('', 'a\ud800', '\udc00', 'k'.repeat(100_000)),
      );
      await fc.assert(
        fc.asyncProperty(text, fc.boolean(), async (key, isTagged) => {
          const keyed = { ...(isTagged ? TAGGED : entry('x'.repeat(2000))), key };
          expect(await codec.decode(await codec.encode(keyed, format))).toMatchObject(keyed);
        }),
      );
      expect((await codec.decode(await codec.encode(TAGGED, format))).key).toBeUndefined();
    },
  );

  test('keeps up to 255 tags, each of which must be text with one version', () => {
    const tags = (count: number) => Array.from({ length: count }, (_, index) => `tag ${index}`);
    const encode = (names: readonly unknown[], versions: readonly unknown[]) =>
      codec.encode(
        entry(1, { tags: names as string[], tagVersions: versions as string[] }),
        JSON_FORMAT,
      ) as Buffer;
    expect((codec.decode(encode(tags(255), tags(255))) as CacheEntry).tags).toEqual(tags(255));
    expect(() => encode(tags(256), tags(256))).toThrow(UnencodableValueError);
    expect(() => encode(tags(2), tags(1))).toThrow('CacheCodec at its tags');
    expect(() => encode([1], ['v'])).toThrow('CacheCodec at its tags');
    expect(() => encode(['\ud800'], ['v'])).toThrow('CacheCodec at its tags');
  });

  test('of plain data takes 40 bytes more than its JSON', () => {
    expect((codec.encode(entry({ a: [1, 'x'] }), JSON_FORMAT) as Buffer).length).toBe(
      40 + '{"a":[1,"x"]}'.length,
    );
  });

  test('is compressed from a threshold on, and above 64 KiB on the thread pool', async () => {
    const compressing = { serializer: 'json', compress: true } as const;
    const sized = (bytes: number) => entry('x'.repeat(bytes - 2));
    expect((codec.encode(sized(1023), compressing) as Buffer).length).toBe(40 + 1023);
    expect((codec.encode(sized(1024), compressing) as Buffer).length).toBeLessThan(100);
    expect((codec.encode(sized(64 * 1024), compressing) as Buffer).length).toBeLessThan(400);
    const large = codec.encode(sized(64 * 1024 + 1), compressing);
    expect(large).toBeInstanceOf(Promise);
    expect(codec.decode(await large)).toBeInstanceOf(Promise);
    const noise = Array.from({ length: 2000 }, (_, index) =>
      String.fromCharCode(33 + ((index * 7919 * (index % 89)) % 90)),
    ).join('');
    const kept = codec.encode(entry(noise), { serializer: 'msgpack', compress: true }) as Buffer;
    expect((codec.decode(kept) as CacheEntry).value).toBe(noise);
    expect(
      (new CacheCodec({ compressionThresholdBytes: 0 }).encode(entry(1), compressing) as Buffer)
        .length,
    ).toBe(41);
  });

  test('of more than maxEntryBytes is neither written nor read', async () => {
    const small = new CacheCodec({ maxEntryBytes: 10 });
    for (const format of FORMATS) {
      expect(() => small.encode(entry('x'.repeat(11)), format)).toThrow(
        /1[34] bytes|11 bytes|12 bytes/,
      );
      const written = await codec.encode(entry('x'.repeat(100_000)), format);
      expect(() => small.decode(written)).toThrow(
        expect.objectContaining({ name: 'CorruptEntryError', reason: 'too-large' }),
      );
    }
    expect(
      (small.decode(small.encode(entry('x'.repeat(8)), JSON_FORMAT) as Buffer) as CacheEntry).value,
    ).toBe('x'.repeat(8));
  });

  test('that repeats objects more often than maxEntryBytes is refused before it is written', () => {
    let bush: unknown = [];
    for (let level = 0; level < 40; level++) bush = [bush, bush];
    const small = new CacheCodec({ maxEntryBytes: 100_000 });
    for (const format of FORMATS)
      expect(() => small.encode(entry(bush), format)).toThrow(/more than 100000 objects/);
  });

  test('that claims fewer bytes than it holds is not decompressed beyond its claim', async () => {
    const bomb = (await codec.encode(entry('x'.repeat(10_000_000)), {
      serializer: 'json',
      compress: true,
    })) as Buffer;
    for (const claimed of [0, 100, 70_000]) {
      const lying = resealed(bomb, (bytes) => bytes.writeUInt32LE(claimed, 12));
      await expect(async () => codec.decode(lying)).rejects.toThrow(
        expect.objectContaining({ name: 'CorruptEntryError', reason: 'payload' }),
      );
    }
  });

  test.each<[string, number]>([
    ['maxEntryBytes', 0],
    ['maxEntryBytes', 2 ** 28 + 1],
    ['maxEntryBytes', 1.5],
    ['compressionThresholdBytes', -1],
    ['compressionThresholdBytes', Number.NaN],
  ])('option %s: %d is refused', (name, value) => {
    expect(() => new CacheCodec({ [name]: value })).toThrow(
      `CacheCodec: ${name} must be a whole number`,
    );
  });
});

describe('bytes that are not an entry', () => {
  const SAMPLES: readonly [string, CacheEntry, CacheFormat][] = FORMATS.map((format) => [
    `${format.serializer}, compressed: ${format.compress}`,
    entry(
      { at: new Date(5), text: 'ö'.repeat(700), list: [1, 2.5, null] },
      { tags: ['a'], tagVersions: ['b'] },
    ),
    format,
  ]);

  test.each(SAMPLES)(
    '%s: truncated at any byte, or with an extra byte',
    async (_, complete, format) => {
      const bytes = await codec.encode(complete, format);
      for (let length = 0; length < bytes.length; length++)
        expect(() => codec.decode(bytes.subarray(0, length))).toThrow(CorruptEntryError);
      expect(() => codec.decode(Buffer.concat([bytes, Buffer.alloc(1)]))).toThrow(
        expect.objectContaining({ reason: 'truncated' }),
      );
    },
  );

  test.each(SAMPLES)('%s: with any single bit changed', async (_, complete, format) => {
    const bytes = await codec.encode(complete, format);
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(() => codec.decode(changed)).toThrow(CorruptEntryError);
    }
  });

  test('random bytes are refused, also after the beginning of an entry', async () => {
    const bytes = await codec.encode(entry({ price: 1 }), JSON_FORMAT);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat({ max: 41 }), (random, kept) => {
        fc.pre(kept < bytes.length);
        for (const foreign of [
          Buffer.from(random),
          Buffer.concat([bytes.subarray(0, kept), random]),
        ]) {
          if (!foreign.equals(bytes))
            expect(() => codec.decode(foreign)).toThrow(CorruptEntryError);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('a random payload with a correct checksum has no side effects', async () => {
    const samples = await Promise.all(
      SAMPLES.map(([, complete, format]) => codec.encode(complete, format)),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...samples),
        fc.nat(),
        fc.uint8Array({ minLength: 1, maxLength: 20 }),
        async (sample, at, random) => {
          const changed = resealed(sample, (bytes) =>
            bytes.set(random, 40 + (at % (bytes.length - 40 - random.length))),
          );
          try {
            await codec.decode(changed);
          } catch (error) {
            expect(error).toBeInstanceOf(CorruptEntryError);
          }
          expect(Object.keys(Object.prototype)).toEqual([]);
        },
      ),
      { numRuns: 1000 },
    );
  });

  test.each<[string, unknown]>([
    ['Object.prototype', [{}, [['v', ['__proto__', 'toString']]]]],
    ['an inherited method', [{}, [['v', ['constructor', 'name']]]]],
    ['a missing property', [{ a: 1 }, [['v', ['b']]]]],
    ['a character of a string', ['abc', [['v', [0]]]]],
    ['an unknown type', [1, [['constructor', []]]]],
    ['an unknown typed array', [['Function', ''], [['t', []]]]],
    ['anything without a pair', { tree: 1 }],
  ])('forged type annotations cannot reach %s', (_, payload) => {
    const encoded = codec.encode(entry(new Date(0)), JSON_FORMAT) as Buffer;
    const text = Buffer.from(JSON.stringify(payload));
    const forged = resealed(Buffer.concat([encoded.subarray(0, 40), text]), (bytes) => {
      bytes.writeUInt32LE(text.length, 8);
      bytes.writeUInt32LE(text.length, 12);
    });
    expect(() => codec.decode(forged)).toThrow(
      expect.objectContaining({ name: 'CorruptEntryError', reason: 'payload' }),
    );
    expect(String({})).toBe('[object Object]');
  });

  test.each<[string, Buffer, string]>([
    ['nothing', Buffer.alloc(0), 'foreign'],
    ['JSON of another application', Buffer.from('{"price":1}'), 'foreign'],
    [
      'another layout',
      resealed(codec.encode(entry(1), JSON_FORMAT) as Buffer, (bytes) => bytes.writeUInt8(2, 1)),
      'version',
    ],
    [
      'an unknown flag',
      resealed(codec.encode(entry(1), JSON_FORMAT) as Buffer, (bytes) => bytes.writeUInt8(128, 2)),
      'payload',
    ],
    [
      'more tags than bytes',
      resealed(codec.encode(entry(1), JSON_FORMAT) as Buffer, (bytes) => bytes.writeUInt8(9, 3)),
      'payload',
    ],
  ])('%s is reported with its reason', (_, bytes, reason) => {
    expect(() => codec.decode(bytes)).toThrow(
      expect.objectContaining({ name: 'CorruptEntryError', reason }),
    );
  });
});

describe('round-trip property', () => {
  const anything = fc.anything({
    withBigInt: true,
    withBoxedValues: false,
    withDate: true,
    withMap: true,
    withSet: true,
    withNullPrototype: false,
    withObjectString: true,
    withTypedArray: true,
    withSparseArray: true,
    withUnicodeString: true,
    maxDepth: 4,
  } as fc.ObjectConstraints);

  test.each(FORMATS)(
    'any data round-trips as $serializer, compressed: $compress',
    async (format) => {
      await fc.assert(
        fc.asyncProperty(anything, async (value) => {
          // inspect() distinguishes holes, negative zero, classes and invalid dates; toEqual does
          // not.
          expect(inspect(await roundTrip(value, format), DEEP)).toBe(inspect(value, DEEP));
        }),
        { numRuns: 500 },
      );
    },
  );
});

// Values of the reference implementation.
test.each([
  ['', 0, 0x02cc5d05],
  ['a', 0, 0x550d7456],
  ['abc', 0, 0x32d153ff],
  ['abcdefghijklmnopqrstuvwxyz', 0, 0x63a14d5f],
  ['Nobody inspects the spammish repetition', 0, 0xe2293b2f],
])('the checksum of %j with seed %d is that of xxHash32', (text, seed, hash) => {
  expect(checksum(viewOf(Buffer.from(text)), 0, seed)).toBe(hash);
});

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** A changed copy with a correct checksum, as a program that knows the layout could write it. */
function resealed(bytes: Buffer, change: (copy: Buffer) => void): Buffer {
  const copy = Buffer.from(bytes);
  change(copy);
  copy.writeUInt32LE(checksum(viewOf(copy), 8, copy.readUInt16LE(2)), 4);
  return copy;
}
