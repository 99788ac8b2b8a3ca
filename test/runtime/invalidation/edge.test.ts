import { edgePath } from '../../../lib/runtime/invalidation/edge';

describe('edgePath', () => {
  test.each(
    Object.entries({
      'api/x': '/api/x',
      '/api/x*': '/api/x*',
      '/a b': '/a%20b',
      '/é': '/%C3%A9',
      '/%C3%A9': '/%C3%A9',
      '/100%': '/100%25',
      '/%2': '/%252',
      '/a?b=c&d=[e]': '/a?b=c&d=%5Be%5D',
      '/"<>\\^`|': '/%22%3C%3E%5C%5E%60%7C',
      '/\ud800': '/%EF%BF%BD',
      '*': '/*',
    }),
  )('writes %j as %j', (path, expected) => {
    expect(edgePath(path)).toBe(expected);
    expect(edgePath(expected)).toBe(expected);
  });

  test('refuses an asterisk before the end, and paths that are too long for CloudFront', () => {
    expect(() => edgePath('/a*/b', 'rule')).toThrow(
      /^rule: the path must be without an asterisk but at its end/,
    );
    expect(() => edgePath(`/${'a'.repeat(4000)}`)).toThrow(/at most 4000/);
    expect(edgePath(`/${'a'.repeat(3999)}`)).toHaveLength(4000);
  });
});
