import { parse as parseQuery } from 'node:querystring';
import fc from 'fast-check';
import { keyOf, type QueryKey, queryOfKey } from '../../../lib/runtime/responses/key';

// The parser that Express calls "extended".
const { parse: parseExtended } = jest.requireActual<{ parse: (query: string) => unknown }>('qs');

describe('the query of a key', () => {
  const parameter = fc
    .array(fc.constantFrom('a', 'b', 'A', '=', '%61', '%', '[', ']', '+', '1'), { maxLength: 4 })
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
        if (queryOfKey(a, 'all') !== queryOfKey(b, 'all')) return;
        if (a !== b) merged++;
        expect({ ...parseQuery(a) }).toEqual({ ...parseQuery(b) });
        expect(parseExtended(a)).toEqual(parseExtended(b));
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
    'drops all parameters': ['b=1&a=2', 'none', ''],
    'keeps allowed parameters': ['b=1&a=2', { allow: ['a'] }, 'a=2'],
    'does not filter a query with an encoded name': ['b=1&%61=2', { allow: ['a'] }, 'b=1&%61=2'],
    'drops denied parameters': ['b=1&a=2', { deny: ['a'] }, 'b=1'],
  };
  test.each(Object.entries(cases))('%s', (_name, [query, rule, expected]) => {
    expect(queryOfKey(query, rule)).toBe(expected);
  });

  test('two keys are equal only if all their parts are equal', () => {
    const rules = { host: true, query: 'all', varyBy: ['x-a'] } as const;
    const part = fc.string({ maxLength: 6 });
    const parts = fc.record({
      target: part,
      host: part,
      a: part,
      user: fc.option(part, { nil: undefined }),
      language: fc.option(part, { nil: undefined }),
    });
    const key = ({
      target,
      host,
      a,
      user,
      language,
    }: {
      target: string;
      host: string;
      a: string;
      user?: string;
      language?: string;
    }) => keyOf({ target, headers: { host, 'x-a': a }, user, language }, rules);
    const canonical = ({ target, ...rest }: { target: string }) => {
      const [path, ...query] = target.split('?');
      return JSON.stringify([path, queryOfKey(query.join('?'), 'all'), rest]);
    };
    fc.assert(
      fc.property(parts, parts, (one, other) =>
        expect(key(one) === key(other)).toBe(canonical(one) === canonical(other)),
      ),
    );
  });
});

test('the authority of HTTP/2 is in the key', () => {
  const key = (authority: string) =>
    keyOf(
      { target: '/', headers: { ':authority': authority }, user: undefined, language: undefined },
      { host: true, query: 'all', varyBy: [] },
    );
  expect(key('a.example')).not.toBe(key('b.example'));
});
