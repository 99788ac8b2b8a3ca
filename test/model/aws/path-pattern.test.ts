import { matchesPath } from '../../../lambda-edge/normalize-cache-key/normalize';
import { catchesAll, isPathPattern } from '../../../lib/model/aws/path-pattern';

describe('isPathPattern', () => {
  test.each(['/static/*', '*.jpg', '/a?c', '/~user/$1', '/a:b@c+d&e\'"', 'x'.repeat(255)])(
    'accepts %s',
    (pattern) => {
      expect(isPathPattern(pattern)).toBe(true);
    },
  );
  test.each(['', '/a b', '/é', '/a%20b', '/a#b', '/(a)', 'x'.repeat(256)])(
    'refuses %s',
    (pattern) => {
      expect(isPathPattern(pattern)).toBe(false);
    },
  );
});

describe('catchesAll', () => {
  const CAUGHT = [
    ['/a', '/a'],
    ['/a/*', 'a/*'],
    ['/api/*', '/api/v1/*'],
    ['*.jpg', '/images/*.jpg'],
    ['/a?', '/ab'],
    ['/a*', '/a?'],
    ['/a*c', '/a*b*c'],
    ['*', '/a'],
    ['/*', '*'],
  ];
  const NOT_CAUGHT = [
    ['/api/v1/*', '/api/*'],
    ['/api/*', '/api'],
    ['/images/*.jpg', '*.jpg'],
    ['/ab', '/a?'],
    ['/a?', '/a*'],
    ['/a*b*c', '/a*c'],
    ['/a.b', '/axb'],
    ['/API/*', '/api/x'],
  ];

  test.each(CAUGHT)('%s catches all paths of %s', (earlier, later) => {
    expect(catchesAll(earlier, later)).toBe(true);
  });

  test.each(NOT_CAUGHT)('%s does not catch all paths of %s', (earlier, later) => {
    expect(catchesAll(earlier, later)).toBe(false);
  });

  test('agrees with the matching of the edge function', () => {
    const texts = ['', 'a', 'b', 'ab', 'ba', 'aab', 'abb', 'a/b', 'bab'];
    const patterns = ['*', 'a*', '*b', 'a?', '?b', 'a*b', 'ab', '?*', 'a?*b'];
    for (const earlier of patterns) {
      for (const later of patterns.filter((pattern) => catchesAll(earlier, pattern))) {
        const missed = texts.filter(
          (text) => matchesPath(later, `/${text}`) && !matchesPath(earlier, `/${text}`),
        );
        expect({ earlier, later, missed }).toEqual({ earlier, later, missed: [] });
      }
    }
  });
});

test('a pattern that is exponential for a regular expression is answered', () => {
  expect(catchesAll(`/${'*a'.repeat(40)}*b`, `/${'a'.repeat(200)}`)).toBe(false);
});
