import fc from 'fast-check';
import { CacheCodec, type CacheFormat } from '../../lib/runtime/cache-codec';
import { type CacheEntry, CorruptEntryError, UnencodableValueError } from '../../lib/runtime/cache-entry';

const FORMATS: readonly CacheFormat[] = [
  { serializer: 'json', compress: false },
  { serializer: 'json', compress: true },
  { serializer: 'msgpack', compress: false },
  { serializer: 'msgpack', compress: true },
];

const codec = new CacheCodec();

function entry(value: unknown, rest: Partial<CacheEntry> = {}): CacheEntry {
  return { kind: 'value', value, freshUntil: 2, staleUntil: 3, createdAt: 1, tags: [], tagVersions: [], ...rest };
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
    ['undefined inside', { a: undefined, b: [undefined, { c: undefined }] }],
    ['true', true],
    ['an empty text', ''],
    ['text of every plane', 'ö€😀\u0000\u2028'],
    ['half a surrogate pair', { short: '\ud800', long: 'x\udc00'.repeat(100) }],
    ['half a surrogate pair in a key', { '\ud800': 1, b: { '\udfff': [2] } }],
    ['whole numbers', [0, 1, -1, 2 ** 31, -(2 ** 31) - 1, 2 ** 32, 2 ** 53, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 2 ** 64]],
    ['fractions', [0.1, 5e-324, 1.7976931348623157e308, -1.5]],
    ['numbers beside the line', { nan: Number.NaN, up: Number.POSITIVE_INFINITY, down: Number.NEGATIVE_INFINITY, zero: -0 }],
    ['minus zero', -0],
    ['dates', [new Date(0), new Date(1_700_000_000_123), new Date(-1), new Date(8.64e15), new Date(-8.64e15)]],
    ['an invalid date', { at: new Date(Number.NaN) }],
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
      'large whole numbers',
      [0n, 1n, -1n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 63n, 2n ** 64n - 1n, 2n ** 64n, -(2n ** 63n) - 1n, 10n ** 100n, -(10n ** 100n)],
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
    ['a part of a typed array', new Uint16Array([1, 2, 3, 4]).subarray(1, 3)],
    ['raw bytes', new Uint8Array([1, 2, 3]).buffer],
    ['a data view', new DataView(new Uint8Array([9, 8, 7]).buffer, 1)],
    ['sparse arrays', [sparse(3, {}), sparse(5, { 1: undefined, 4: new Date(1) }), sparse(4_000_000_000, { 0: -0, 3999999999: 'end' })]],
    ['a regular expression', [/a\/b/giu, /(?:)/]],
    ['an object without a prototype', { inner: Object.assign(Object.create(null), { a: 1 }) }],
    ['keys of objects', { '': 1, '1': 2, 'a.b': 3, constructor: 'x', toString: 4, hasOwnProperty: 5, toJSON: 6, length: 7 }],
    ['one object twice', { a: shared, b: [shared, shared] }],
    ['an array of 100,000', Array.from({ length: 100_000 }, (_, index) => ({ index }))],
  ])('%s comes back', async (_, value) => {
    expect(await roundTrip(value, format)).toStrictEqual(withPrototypes(value));
  });

  test('types of bytes come back, each with memory of its own', async () => {
    const [buffer, array] = (await roundTrip([Buffer.from('ab'), new Uint8Array([1])], format)) as [Buffer, Uint8Array];
    expect(Buffer.isBuffer(buffer)).toBe(true);
    expect(Buffer.isBuffer(array)).toBe(false);
    expect(array.buffer.byteLength).toBe(1);
  });

  test('a decoded buffer does not share memory with what was read', async () => {
    const bytes = await codec.encode(entry(Buffer.from('abc')), format);
    const decoded = await codec.decode(bytes);
    bytes.fill(0);
    expect(String(decoded.value)).toBe('abc');
  });

  test('holes stay holes, and undefined stays beside them', async () => {
    const back = (await roundTrip(sparse(3, { 1: undefined }), format)) as unknown[];
    expect([0 in back, 1 in back, back.length]).toEqual([false, true, 3]);
  });

  test('errors come back with what describes them, without the stack', async () => {
    const error = Object.assign(new RangeError('too far', { cause: new TypeError('no') }), { code: 'EFAR', at: new Date(1) });
    const back = (await roundTrip({ error }, format)) as { error: RangeError & { code: string; at: Date } };
    expect(back.error).toBeInstanceOf(RangeError);
    expect(back.error.cause).toBeInstanceOf(TypeError);
    expect([back.error.name, back.error.message, back.error.code, back.error.at, back.error.stack]).toEqual([
      'RangeError',
      'too far',
      'EFAR',
      new Date(1),
      'RangeError: too far',
    ]);
    expect(Object.keys(back.error)).toEqual(['code', 'at']);
  });

  test('an error of a class of its own is an Error of that name', async () => {
    class QuotaError extends Error {
      override readonly name = 'QuotaError';
    }
    const back = (await roundTrip(new AggregateError([new QuotaError('x')], 'all'), format)) as AggregateError;
    expect([back.name, back.message, (back.errors[0] as Error).name]).toEqual(['AggregateError', 'all', 'QuotaError']);
  });

  test('a key __proto__ is a key, at any depth', async () => {
    const hostile: unknown = JSON.parse('{"a":{"__proto__":{"polluted":true}},"__proto__":[{"__proto__":1}]}');
    const back = (await roundTrip({ hostile, also: new Date(0) }, format)) as { hostile: object };
    expect(JSON.stringify(back.hostile)).toBe(JSON.stringify(hostile));
    expect(Object.getPrototypeOf(back.hostile)).toBe(Object.prototype);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  test('a value of 1,000 levels comes back, and one of more is refused', async () => {
    expect(JSON.stringify(await roundTrip(nested(1000), format))).toBe(JSON.stringify(nested(1000)));
    for (const levels of [1001, 10_000, 1_000_000]) {
      expect(() => codec.encode(entry(nested(levels)), format)).toThrow(/more than 1000 levels/);
    }
  });

  test.each<[string, unknown]>([
    ['text', 'ab€d'.repeat(1_300_000)],
    ['bytes', Buffer.alloc(8 * 1024 * 1024, 'isochrone')],
  ])('8 MiB of %s come back', async (_, value) => {
    expect(((await roundTrip({ value }, format)) as { value: unknown }).value).toEqual(value);
  });

  test.each<[string, string, () => unknown]>([
    ['a function', '$.user.save', () => ({ user: { save() {} } })],
    ['a symbol', '$[1]', () => [1, Symbol('x')]],
    ['a promise', '$', () => Promise.resolve(1)],
    ['an instance of URL', '$["the link"]', () => ({ 'the link': new URL('https://example.com') })],
    ['an instance of Number', '$', () => Object(1)],
    ['an instance of WeakMap', '$[0][1]', () => new Map([['key', new WeakMap()]])],
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
    expect(() => codec.encode(entry(make()), format)).toThrow(expect.objectContaining({ name: 'UnencodableValueError', path }));
    expect(() => codec.encode(entry(make()), format)).toThrow(
      `CacheCodec at ${path}: the value must be data that a cache can give back as it was, got ${got}.`,
    );
  });
});

/** What has no prototype comes back as an ordinary object: the one difference that the documentation names. */
function withPrototypes(value: unknown): unknown {
  const inner = (value as { inner?: object } | null | undefined)?.inner;
  return inner && Object.getPrototypeOf(inner) === null ? { inner: { ...inner } } : value;
}
void [fc, CorruptEntryError, UnencodableValueError];
