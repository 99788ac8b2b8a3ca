import fc from 'fast-check';
import { analyzeStatement } from '../../../lib/runtime/statements/statement';
import { queryTokens } from '../../../lib/runtime/statements/tokens';
import { tokenize } from '../../../lib/tools/postgres/sql/tokens';

const normalForm = (sql: string) => analyzeStatement(sql).normalForm;

/** The tokens of the migrations' scanner, an independent implementation. */
const independent = (sql: string) =>
  tokenize(sql)
    .tokens.filter(({ value }) => value !== ';')
    .map(({ kind, value }) => [kind, value]);

const LETTERS = 'abcXYZ_é0$';
const word = fc
  .string({ unit: fc.constantFrom(...LETTERS), minLength: 1, maxLength: 8 })
  .map((text) => `w${text}`);
const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`;
const inner = fc.string({
  unit: fc.constantFrom('a', 'B', ' ', '\n', "'", '-', '-', '/', '*', '"', '$', ';'),
  maxLength: 12,
});
const token = fc.oneof(
  word,
  fc.constantFrom('SELECT', 'From', 'WHERE', 'and', 'GROUP BY', 'Is Not Null', 'E', 'U', 'n'),
  inner.map(quoted),
  inner.map((text) => `E${quoted(text)}`),
  inner.map((text) => `E'${text.replaceAll("'", "\\'")}'`),
  inner.map((text) => `"${text.replaceAll('"', '""')}x"`),
  inner.filter((text) => !text.includes('$')).map((text) => `$q$${text}$q$`),
  fc.constantFrom('$1', '$22', '1', '2.5', '.5', '3e10', '0x1F'),
  fc.constantFrom(
    '(',
    ')',
    ',',
    '.',
    '::',
    '[',
    ']',
    '=',
    '<=',
    '->>',
    '||',
    '-',
    '*',
    '/',
    '@>',
    ':=',
  ),
);
const comment = inner.map((text) => `/*${text.replaceAll('*', '').replaceAll('/', '')}/* B */*/`);
const lineComment = inner.map((text) => `--${text.replaceAll('\n', '')}\n`);
const gap = fc.array(
  fc.oneof(fc.constantFrom(' ', '\n', '\t', '\r\n', '\f'), comment, lineComment),
  { minLength: 1, maxLength: 3 },
);
const sql = fc
  .array(fc.tuple(token, gap), { maxLength: 14 })
  .map((parts) => parts.map(([text, space]) => text + space.join('')).join(''));
/** Arbitrary text with many delimiters. */
const noise = fc.string({
  unit: fc.constantFrom(...'aZ1 \n\'"$-*/\\eEuU&;,.()[]:=<>+|é?{\u000b\u0000'.split('')),
  maxLength: 40,
});

describe('the normal form of a statement', () => {
  test('keeps every token except comments, space and the case of words', () => {
    fc.assert(
      fc.property(fc.oneof(sql, noise), (text) => {
        if (queryTokens(text).unreadable !== undefined) return;
        expect(independent(normalForm(text))).toEqual(independent(text));
      }),
      { numRuns: 3_000 },
    );
  });

  test('is its own normal form, and every generated statement is readable', () => {
    fc.assert(
      fc.property(sql, (text) => {
        expect(queryTokens(text).unreadable).toBeUndefined();
        expect(normalForm(normalForm(text))).toBe(normalForm(text));
      }),
      { numRuns: 1_000 },
    );
  });

  test.each(
    Object.entries({
      'SELECT  1 -- one\n FROM t;': 'select 1 from t',
      '/* a /* nested */ comment */ Select A FROM "T"': 'select a from "T"',
      "SELECT 'A  -- b', E'\\'' , $$ x  /* y */ $$": "select 'A  -- b' , E'\\'' , $$ x  /* y */ $$",
      'select a--1\n-1': 'select a - 1',
      'select Ünique, ÉTÉ': 'select Ünique , ÉtÉ',
    }),
  )('of %j', (text, form) => {
    expect(normalForm(text)).toBe(form);
  });

  test.each(
    Object.entries({
      "select 'a'": "select 'A'",
      'select "a"': 'select "A"',
      'select a < = b': 'select a <= b',
      "select e'a'": "select e 'a'",
      "select 'a'\n'b'": "select 'a' 'b'",
      'select 1 .5': 'select 1.5',
      'select a - - b': 'select a --b\n',
      'select $1': 'select $2',
      'select $$a$$': 'select $x$a$x$',
      'select É': 'select é',
    }),
  )('of %j differs from that of %j', (one, other) => {
    expect(normalForm(one)).not.toBe(normalForm(other));
  });

  test.each([
    "select 'a",
    'select "a',
    'select /* a',
    'select $x$ a $y$',
    "select 'C:\\' || 'x'",
    'select 1a',
    'select $1a',
    'select U&"d\\0061t"',
    'select a\u000bb',
    'select 1\u0000',
    'select {1}',
    '\\d',
  ])('%j is unreadable', (text) => {
    expect(analyzeStatement(text)).toMatchObject({ uncached: 'unreadable', onlyReads: false });
  });
});
