import fc from 'fast-check';
import { IsochroneError } from '../../../lib/model/errors';
import { edgePath } from '../../../lib/runtime/invalidation/edge';
import {
  escapeGlob,
  escapePathPiece,
  fillTemplate,
  parseTemplate,
} from '../../../lib/runtime/invalidation/template';

const fill = (source: string, detail: unknown) =>
  fillTemplate(parseTemplate(source, 'rule'), detail, (value) => value, 'rule 1, event "x"');

describe('a template', () => {
  test.each<[string, unknown, string[]]>([
    ['plain', {}, ['plain']],
    ['portfolio:{userId}', { userId: 'u-1' }, ['portfolio:u-1']],
    ['{a}:{b.c}', { a: 0, b: { c: false } }, ['0:false']],
    ['quote:{symbols}', { symbols: ['A', 'B', 'A'] }, ['quote:A', 'quote:B']],
    ['{x}/{y}', { x: ['1', '2'], y: ['3', '4'] }, ['1/3', '1/4', '2/3', '2/4']],
    ['quote:{symbols}', { symbols: [] }, []],
    ['{n}', { n: 10n }, ['10']],
  ])('%s filled from %j makes the right texts', (source, detail, texts) => {
    expect(fill(source, detail)).toEqual(texts);
  });

  test.each<[string, unknown]>([
    ['{userId}', {}],
    ['{userId}', undefined],
    ['{userId}', { userId: undefined }],
    ['{userId}', { userId: null }],
    ['{userId}', { userId: '' }],
    ['{userId}', { userId: {} }],
    ['{userId}', { userId: Number.NaN }],
    ['{userIds}', { userIds: ['a', undefined] }],
    ['{user.id}', { user: 'a' }],
    ['{toString}', {}],
    ['{constructor.name}', {}],
    ['{name.length}', { name: 'abc' }],
  ])(
    '%s filled from %j is an error that names the rule, the event and the field',
    (source, detail) => {
      expect(() => fill(source, detail)).toThrow(IsochroneError);
      expect(() => fill(source, detail)).toThrow(
        `rule 1, event "x": the field ${source.slice(1, -1)} of`,
      );
    },
  );

  test('makes at most 1,000 texts', () => {
    const many = Array.from({ length: 1000 }, (_, i) => i);
    expect(fill('{many}', { many })).toHaveLength(1000);
    expect(() => fill('{many}', { many: [...many, -1] })).toThrow(/at most 1000 texts, got 1001/);
    expect(() => fill('{many}{two}', { many, two: [1, 2] })).toThrow(/got 2000/);
  });

  test.each(['', '{', '}', 'a{b', 'a}', '{}', '{ a }', '{a..b}', '{{a}}'])(
    '%j is refused as a template',
    (source) => {
      expect(() => parseTemplate(source, 'rule')).toThrow(/the template must be text/);
    },
  );

  test('property: literal texts and values appear unchanged and in order', () => {
    const text = fc.string().filter((value) => !/[{}]/.test(value));
    fc.assert(
      fc.property(
        fc.array(fc.tuple(text, fc.string({ minLength: 1 })), { minLength: 1 }),
        text,
        (pairs, end) => {
          const source = pairs.map(([before], i) => `${before}{f${i}}`).join('') + end;
          const detail = Object.fromEntries(pairs.map(([, value], i) => [`f${i}`, value]));
          expect(fill(source, detail)).toEqual([
            pairs.map(([before, value]) => before + value).join('') + end,
          ]);
        },
      ),
    );
  });
});

/** Glob matching as in Redis, without classes, which an escaped value never has. */
function matches(pattern: string, text: string): boolean {
  if (pattern === '') return text === '';
  const [head, rest] = [pattern[0] as string, pattern.slice(1)];
  if (head === '*')
    return Array.from({ length: text.length + 1 }, (_, i) => i).some((i) =>
      matches(rest, text.slice(i)),
    );
  if (text === '') return false;
  if (head === '?') return matches(rest, text.slice(1));
  if (head === '\\' && rest !== '')
    return rest[0] === text[0] && matches(rest.slice(1), text.slice(1));
  if (head === '[') throw new Error('a class was opened');
  return head === text[0] && matches(rest, text.slice(1));
}

const GLOB_TEXT = fc.string({
  unit: fc.constantFrom('*', '?', '[', ']', '\\', '^', '-', 'a', 'b'),
  maxLength: 8,
});

describe('escapeGlob', () => {
  test('property: an escaped value matches itself and nothing else', () => {
    fc.assert(
      fc.property(GLOB_TEXT, GLOB_TEXT, (value, other) => {
        expect(matches(escapeGlob(value), value)).toBe(true);
        expect(matches(escapeGlob(value), other)).toBe(value === other);
      }),
    );
  });
});

describe('escapePathPiece', () => {
  test('property: an escaped value is one segment of a path', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }), (value) => {
        const path = edgePath(`/a/${escapePathPiece(value)}`);
        expect(path).toMatch(/^\/a\/[\w.~!'()%-]+$/);
        expect(decodeURIComponent(path.slice(3))).toBe(Buffer.from(value).toString());
      }),
    );
  });
});
