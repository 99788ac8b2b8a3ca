import { parse as parseQuery } from 'node:querystring';
import fc from 'fast-check';
import { keptQuery, type QueryKey } from '../../../lib/runtime/responses/query';

// The parser that Express calls "extended".
const { parse: parseExtended } = jest.requireActual<{
  parse: (query: string, options?: object) => unknown;
}>('qs');

describe('the query of a key', () => {
  const parameter = fc
    .array(fc.constantFrom('a', 'b', 'A', '=', '%61', '%', '[', ']', '+', '1', '.', '#', ';'), {
      maxLength: 4,
    })
    .map((pieces) => pieces.join(''));

  test('two queries share a form only if every parser reads them as equal', () => {
    const pair = fc
      .array(parameter, { maxLength: 5 })
      .chain((parameters) =>
        fc.tuple(
          fc.constant(parameters),
          fc.shuffledSubarray(parameters, { minLength: parameters.length }),
        ),
      );
    let merged = 0;
    fc.assert(
      fc.property(pair, ([one, other]) => {
        const [a, b] = [one.join('&'), other.join('&')];
        if (keptQuery(a, 'all').text !== keptQuery(b, 'all').text) return;
        if (a !== b) merged++;
        expect({ ...parseQuery(a) }).toEqual({ ...parseQuery(b) });
        for (const allowDots of [false, true])
          expect(parseExtended(a, { allowDots })).toEqual(parseExtended(b, { allowDots }));
        expect(new URL(`/?${a}`, 'http://a').searchParams.get('a')).toBe(
          new URL(`/?${b}`, 'http://a').searchParams.get('a'),
        );
      }),
      { numRuns: 5000 },
    );
    expect(merged).toBeGreaterThan(0);
  });

  const cases: Record<string, [query: string, rule: QueryKey, expected: string]> = {
    'sorts parameters by name': ['b=2&a=1', 'all', 'a=1&b=2'],
    'keeps the order of a repeated name': ['a=2&a=1', 'all', 'a=2&a=1'],
    'keeps a missing value apart from an empty one': ['flag=&b', 'all', 'b&flag='],
    'drops empty parameters': ['&&a=1&', 'all', 'a=1'],
    'decodes no value': ['b=%41&a=%e9', 'all', 'a=%e9&b=%41'],
    'keeps a query with an encoded name': ['b=1&%61=2', 'all', 'b=1&%61=2'],
    'keeps the order of names that a parser may read as one': [
      'a.c=1&b=2&a=3&a.b=4',
      'all',
      'a.c=1&a=3&a.b=4&b=2',
    ],
    'allows the parts of an allowed name': ['c=1&a.x=2', { allow: ['a'] }, 'a.x=2'],
    'keeps the order of names that differ in case': ['b=1&a=1&B=2&A=2', 'all', 'a=1&A=2&b=1&B=2'],
    'keeps a query with a semicolon': ['b=1&a=2;c=3', { allow: ['a'] }, 'b=1&a=2;c=3'],
    'keeps a query with a dot at an end of a name': ['b=a&.b', 'all', 'b=a&.b'],
    'keeps a query with a fragment': ['b=1#&a=2', { allow: ['a'] }, 'b=1#&a=2'],
    'drops all parameters': ['b=1&a=2', 'none', ''],
    'keeps allowed parameters': ['b=1&a=2', { allow: ['a'] }, 'a=2'],
    'does not filter a query with an encoded name': ['b=1&%61=2', { allow: ['a'] }, 'b=1&%61=2'],
    'drops denied parameters': ['b=1&a=2', { deny: ['a'] }, 'b=1'],
  };
  test.each(Object.entries(cases))('%s', (_name, [query, rule, expected]) => {
    expect(keptQuery(query, rule).text).toBe(expected);
  });

  test('each parameter is either kept or named as dropped, once', () => {
    const rule = fc.oneof(
      fc.constantFrom<QueryKey>('all', 'none'),
      fc.record({ allow: fc.array(fc.constantFrom('a', 'b', 'a.b')) }),
      fc.record({ deny: fc.array(fc.constantFrom('a', 'b', 'a.b')) }),
    );
    fc.assert(
      fc.property(fc.array(parameter, { maxLength: 5 }), rule, (parameters, rule) => {
        const { text, dropped } = keptQuery(parameters.join('&'), rule);
        const names = (list: readonly string[]) =>
          list.filter((one) => one !== '').map((one) => one.split('=', 1)[0]);
        expect([...names(text.split('&')), ...dropped].sort()).toEqual(names(parameters).sort());
        // The handler of a renewal sees the same.
        expect(keptQuery(text, rule)).toEqual({ text, dropped: [] });
      }),
      { numRuns: 2000 },
    );
  });
});
