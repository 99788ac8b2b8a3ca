import { edgePath } from '../../../lib/runtime/invalidation/edge';

describe('edgePath', () => {
  test.each(
    Object.entries({
      'adds a leading slash': ['api/x', '/api/x'],
      'keeps a wildcard at the end': ['/api/x*', '/api/x*'],
      'adds a slash before a lone wildcard': ['*', '/*'],
      'escapes a space': ['/a b', '/a%20b'],
      'escapes a letter outside ASCII': ['/é', '/%C3%A9'],
      'keeps an existing escape': ['/%C3%A9', '/%C3%A9'],
      'escapes a percent sign at the end': ['/100%', '/100%25'],
      'escapes the percent sign of an incomplete escape': ['/%2', '/%252'],
      'keeps a query and escapes its brackets': ['/a?b=c&d=[e]', '/a?b=c&d=%5Be%5D'],
      'escapes characters that a URL forbids': ['/"<>\\^`|', '/%22%3C%3E%5C%5E%60%7C'],
      'replaces a lone surrogate': ['/\ud800', '/%EF%BF%BD'],
    } satisfies Record<string, [path: string, expected: string]>),
  )('%s', (_name, [path, expected]) => {
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
