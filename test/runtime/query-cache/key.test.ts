import fc from 'fast-check';
import { queryKey, queryKeyMaterial } from '../../../lib/runtime/query-cache/key';

const parts = (values: readonly unknown[], more: Partial<Parameters<typeof queryKey>[0]> = {}) => ({
  realm: ['1', 'market'],
  statement: 'select $1',
  values,
  ...more,
});

const parameter = fc.letrec((tie) => ({
  any: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom(
      null,
      undefined,
      true,
      false,
      0,
      -0,
      1,
      NaN,
      Infinity,
      '',
      '1',
      'n',
      'u',
      'a0:',
      's1:a',
    ),
    fc.integer(),
    fc.double(),
    fc.bigInt(),
    fc.string(),
    fc.date({ noInvalidDate: true }),
    fc.uint8Array({ maxLength: 6 }).map((bytes) => Buffer.from(bytes)),
    fc.array(tie('any'), { maxLength: 4 }),
    fc.dictionary(fc.string({ maxLength: 3 }), fc.jsonValue({ maxDepth: 1 }), { maxKeys: 3 }),
  ),
})).any;

/** Whether two values are equal: objects as the JSON that pg sends, others by type and value. */
function same(one: unknown, other: unknown): boolean {
  if (Array.isArray(one) && Array.isArray(other))
    return one.length === other.length && one.every((item, i) => same(item, other[i]));
  if (Buffer.isBuffer(one) && Buffer.isBuffer(other)) return one.equals(other);
  if (one instanceof Date && other instanceof Date) return one.getTime() === other.getTime();
  const plain = (value: unknown) =>
    typeof value === 'object' &&
    value !== null &&
    Object.prototype.toString.call(value) === '[object Object]';
  if (plain(one) && plain(other)) return JSON.stringify(one) === JSON.stringify(other);
  return Object.is(one, other);
}

const circle: unknown[] = [];
circle.push(circle);
const named: Record<string, unknown> = {};
named.self = named;

describe('queryKey', () => {
  test('is equal exactly for equal parameters', () => {
    const near = fc.oneof(
      fc.tuple(fc.array(parameter, { maxLength: 4 }), fc.array(parameter, { maxLength: 4 })),
      // The same values, divided differently.
      fc
        .array(parameter, { minLength: 1, maxLength: 4 })
        .map((values): [unknown[], unknown[]] => [values, [values]]),
      fc.tuple(fc.string(), fc.string()).map(([a, b]): [unknown[], unknown[]] => [
        [a, b],
        [a + b, ''],
      ]),
      fc
        .array(parameter, { maxLength: 4 })
        .map((values): [unknown[], unknown[]] => [values, [...values]]),
      parameter.map((value): [unknown[], unknown[]] => [
        [value],
        [typeof value === 'object' ? '{}' : String(value)],
      ]),
    );
    fc.assert(
      fc.property(near, ([one, other]) => {
        expect(queryKeyMaterial(parts(one)) === queryKeyMaterial(parts(other))).toBe(
          same(one, other),
        );
      }),
      { numRuns: 5_000 },
    );
  });

  test('differs by the statement, the database, the scope and the row mode', () => {
    const keys = [
      parts([]),
      parts([], { statement: 'select 1' }),
      parts([], { realm: ['1', 'market2'] }),
      parts([], { realm: ['1m', 'arket'] }),
      parts([], { scopes: ['a'] }),
      parts([], { scopes: [''] }),
      parts([], { scopes: [undefined, 'a'] }),
      parts([], { rowMode: 'array' }),
      parts([], { scopes: ['array'] }),
    ].map(queryKey);
    expect(new Set(keys).size).toBe(keys.length);
    expect(keys[0]).toMatch(/^[\w-]{43}$/);
  });

  test('an object is compared as the JSON that pg sends', () => {
    class Filter {
      constructor(readonly symbol?: string) {}
    }
    const key = (value: unknown) => queryKey(parts([value]));
    expect(key(new Filter('a'))).toBe(key({ symbol: 'a' }));
    expect(key(new Filter('a'))).not.toBe(key(new Filter('b')));
    expect(key(new Filter())).toBe(key({}));
    expect(key(new URL('http://a/'))).not.toBe(key(new URL('http://b/')));
    expect(key({ at: new Date(1) })).not.toBe(key({ at: new Date(2) }));
    expect(key(Object('a'))).not.toBe(key(Object('b')));
  });

  test('differs for values of different types that print alike', () => {
    const values = [
      1,
      '1',
      1n,
      [1],
      ['1'],
      '{1}',
      true,
      'true',
      null,
      undefined,
      'null',
      '',
      [],
      {},
      '{}',
      Buffer.from('1'),
      new Date(1),
      'NaN',
      NaN,
    ];
    const keys = values.map((value) => queryKey(parts([value])));
    expect(keys).not.toContain(undefined);
    expect(new Set(keys).size).toBe(values.length);
  });

  test.each([
    ['a function', () => 1],
    ['a symbol', Symbol('a')],
    ['an invalid date', new Date(Number.NaN)],
    ['an object that converts itself to SQL', { toPostgres: () => '1' }],
    ['an object without a JSON form', { toJSON: () => undefined }],
    ['a circular array', circle],
    ['a circular object', { circle: named }],
    ['a symbol in a nested array', [1, [Symbol('a')]]],
  ])('is undefined for %s', (_, value) => {
    expect(queryKey(parts([value]))).toBeUndefined();
  });
});
