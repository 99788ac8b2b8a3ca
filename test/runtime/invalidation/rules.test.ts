/**
 * Events become tags, patterns and paths: what templates make of them, what they refuse, and that
 * no value escapes its place.
 */
import fc from 'fast-check';
import { IsochroneError } from '../../../lib/model/errors';
import { edgePath } from '../../../lib/runtime/invalidation/paths';
import {
  InvalidationRuleSet,
  MARKET_INVALIDATION_RULES,
} from '../../../lib/runtime/invalidation/rules';
import {
  escapeGlob,
  escapePathPiece,
  fillTemplate,
  parseTemplate,
} from '../../../lib/runtime/invalidation/templates';

const fill = (source: string, detail: unknown) =>
  fillTemplate(parseTemplate(source, 'rule'), detail, (value) => value, 'rule 1, event "x"');

describe('templates', () => {
  test.each<[string, unknown, string[]]>([
    ['plain', {}, ['plain']],
    ['portfolio:{userId}', { userId: 'u-1' }, ['portfolio:u-1']],
    ['{a}:{b.c}', { a: 0, b: { c: false } }, ['0:false']],
    ['quote:{symbols}', { symbols: ['A', 'B', 'A'] }, ['quote:A', 'quote:B']],
    ['{x}/{y}', { x: ['1', '2'], y: ['3', '4'] }, ['1/3', '1/4', '2/3', '2/4']],
    ['quote:{symbols}', { symbols: [] }, []],
    ['{n}', { n: 10n }, ['10']],
  ])('%s of %j', (source, detail, texts) => {
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
  ])('%s of %j is an error that names rule, event and field, and no text', (source, detail) => {
    expect(() => fill(source, detail)).toThrow(IsochroneError);
    expect(() => fill(source, detail)).toThrow(
      `rule 1, event "x": the field ${source.slice(1, -1)} of`,
    );
  });

  test('make no more texts than somebody can have meant', () => {
    const many = Array.from({ length: 1000 }, (_, i) => i);
    expect(fill('{many}', { many })).toHaveLength(1000);
    expect(() => fill('{many}', { many: [...many, -1] })).toThrow(/at most 1000 texts, got 1001/);
    expect(() => fill('{many}{two}', { many, two: [1, 2] })).toThrow(/got 2000/);
  });

  test.each(['', '{', '}', 'a{b', 'a}', '{}', '{ a }', '{a..b}', '{{a}}'])(
    '%j is no template',
    (source) => {
      expect(() => parseTemplate(source, 'rule')).toThrow(/the template must be text/);
    },
  );

  test('property: the text between fields and the values come out as they are, in order', () => {
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

/** Glob matching as Redis does it, without classes: what an escaped value needs. */
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

describe('values in patterns', () => {
  test('property: match themselves, and nothing else', () => {
    fc.assert(
      fc.property(GLOB_TEXT, GLOB_TEXT, (value, other) => {
        expect(matches(escapeGlob(value), value)).toBe(true);
        expect(matches(escapeGlob(value), other)).toBe(value === other);
      }),
    );
  });
});

describe('paths of the edge', () => {
  test.each([
    ['api/x', '/api/x'],
    ['/api/x*', '/api/x*'],
    ['/a b', '/a%20b'],
    ['/é', '/%C3%A9'],
    ['/%C3%A9', '/%C3%A9'],
    ['/100%', '/100%25'],
    ['/%2', '/%252'],
    ['/a?b=c&d=[e]', '/a?b=c&d=%5Be%5D'],
    ['/"<>\\^`|', '/%22%3C%3E%5C%5E%60%7C'],
    ['/\ud800', '/%EF%BF%BD'],
    ['*', '/*'],
  ])('%j becomes %j', (path, expected) => {
    expect(edgePath(path)).toBe(expected);
    expect(edgePath(expected)).toBe(expected);
  });

  test('have an asterisk at their end only, and are no longer than CloudFront takes', () => {
    expect(() => edgePath('/a*/b', 'rule')).toThrow(
      /^rule: the path must be without an asterisk but at its end/,
    );
    expect(() => edgePath(`/${'a'.repeat(4000)}`)).toThrow(/at most 4000/);
    expect(edgePath(`/${'a'.repeat(3999)}`)).toHaveLength(4000);
  });

  test('property: a value is one piece, whatever is in it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }), (value) => {
        const path = edgePath(`/a/${escapePathPiece(value)}`);
        expect(path).toMatch(/^\/a\/[\w.~!'()%-]+$/);
        expect(decodeURIComponent(path.slice(3))).toBe(Buffer.from(value).toString());
      }),
    );
  });
});

describe('rules', () => {
  const rules = new InvalidationRuleSet([
    {
      event: 'trade',
      tags: ['portfolio:{userId}', 'all'],
      patterns: ['api:{userId}:*'],
      edgePaths: ['/u/{userId}*'],
    },
    { event: 'trade', source: 'desk', tags: ['desk', 'all'] },
    { event: 'nothing' },
  ]);

  test('make tags, patterns and paths, each once, with values that stay in their place', () => {
    expect(rules.targetsOf({ type: 'trade', detail: { userId: 'a*/b' } })).toEqual({
      tags: ['portfolio:a*/b', 'all'],
      patterns: ['api:a\\*/b:*'],
      edgePaths: ['/u/a%2A%2Fb*'],
    });
    expect(
      rules.targetsOf({ type: 'trade', source: 'desk', detail: { userId: 'a' } }).tags,
    ).toEqual(['portfolio:a', 'all', 'desk']);
    expect(rules.targetsOf({ type: 'nothing' })).toEqual({ tags: [], patterns: [], edgePaths: [] });
  });

  test('never make a text without the field, and say which rule wants it', () => {
    expect(() => rules.targetsOf({ type: 'trade', detail: {} })).toThrow(
      /^InvalidationRules\[0\] \(trade\), event "trade": the field userId of "portfolio:\{userId\}" must be/,
    );
  });

  test('refuse an event that they say nothing of', () => {
    expect(() => rules.targetsOf({ type: 'trad' })).toThrow(
      /one that a rule is about \(trade, nothing\), got "trad"/,
    );
  });

  test.each<[object, object, RegExp]>([
    [{ event: '' }, { event: 'e' }, /event must be the type of an event/],
    [{ event: 'e', tag: [] }, { event: 'e', tags: [] }, /tag must be absent/],
    [
      { event: 'e', tags: ['{'] },
      { event: 'e', tags: ['{a}'] },
      /InvalidationRules\[0\] \(e\)\.tags: the template/,
    ],
    [
      { event: 'e', patterns: ['*'] },
      { event: 'e', patterns: ['a*'] },
      /begin with text of its own/,
    ],
    [
      { event: 'e', patterns: ['{a}:*'] },
      { event: 'e', patterns: ['a:{a}:*'] },
      /begin with text of its own/,
    ],
    [
      { event: 'e', patterns: ['[ab]:x'] },
      { event: 'e', patterns: ['a[ab]:x'] },
      /begin with text of its own/,
    ],
    [{ event: 'e', edgePaths: ['/*/{a}'] }, { event: 'e', edgePaths: ['/{a}/*'] }, /asterisk/],
  ])('%j is refused, %j is not', (wrong, right, message) => {
    expect(() => new InvalidationRuleSet([wrong as never])).toThrow(message);
    expect(() => new InvalidationRuleSet([right as never])).not.toThrow();
  });

  test('for a market are about the four events, and cannot be changed for everybody', () => {
    const market = new InvalidationRuleSet(MARKET_INVALIDATION_RULES);
    expect(market.targetsOf({ type: 'strategy_update', detail: { strategyId: 7 } })).toEqual({
      tags: ['strategies', 'strategy:7'],
      patterns: [],
      edgePaths: ['/api/strategies/public/*'],
    });
    expect(market.targetsOf({ type: 'market_close', detail: { market: 'XNYS' } }).tags).toEqual([
      'market:XNYS',
      'strategies',
    ]);
    for (const type of ['trade_execution', 'position_update']) {
      expect(market.targetsOf({ type, detail: { userId: 'u' } })).toEqual({
        tags: ['portfolio:u', 'positions:u'],
        patterns: [],
        edgePaths: [],
      });
    }
    for (const rule of [MARKET_INVALIDATION_RULES, ...MARKET_INVALIDATION_RULES])
      expect(Object.isFrozen(rule)).toBe(true);
  });
});
