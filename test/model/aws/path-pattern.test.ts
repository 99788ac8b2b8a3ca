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
  test.each<[string, string, boolean]>([
    ['/a', '/a', true],
    ['/a/*', 'a/*', true],
    ['/api/*', '/api/v1/*', true],
    ['/api/v1/*', '/api/*', false],
    ['/api/*', '/api', false],
    ['*.jpg', '/images/*.jpg', true],
    ['/images/*.jpg', '*.jpg', false],
    ['/a?', '/ab', true],
    ['/ab', '/a?', false],
    ['/a?', '/a*', false],
    ['/a*', '/a?', true],
    ['/a*c', '/a*b*c', true],
    ['/a*b*c', '/a*c', false],
    ['/a.b', '/axb', false],
    ['/API/*', '/api/x', false],
    ['*', '/a', true],
    ['/*', '*', true],
  ])('%s catches all paths of %s: %p', (earlier, later, expected) => {
    expect(catchesAll(earlier, later)).toBe(expected);
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
