/**
 * Path patterns of cache behaviours: `*` stands for any characters, `?` for exactly one, case matters, and the first
 * match wins. "Path pattern", Amazon CloudFront developer guide.
 */

/** The characters that CloudFront takes in a path pattern, and how many. */
const PATH_PATTERN = /^[A-Za-z0-9_\-.*$/~"'@:+&?]{1,255}$/;

export function isPathPattern(pattern: string): boolean {
  return PATH_PATTERN.test(pattern);
}

/**
 * Whether the earlier pattern matches every path that the later one matches, so that the later one is never used.
 * Only together could several earlier patterns do the same without being noticed here.
 */
export function catchesAll(earlier: string, later: string): boolean {
  // Read as a path, a `?` of the later pattern is some character and a `*` any number: a literal must not match them,
  // `?` may match only the former, `*` both.
  const tokens = [...withoutFirstSlash(earlier)].map((character) => {
    if (character === '*') return '.*';
    if (character === '?') return '[^*]';
    return character.replace(/[^A-Za-z0-9]/, '\\$&');
  });
  return new RegExp(`^${tokens.join('')}$`).test(withoutFirstSlash(later));
}

/** CloudFront takes `/static/*` and `static/*` for the same. */
function withoutFirstSlash(pattern: string): string {
  return pattern.startsWith('/') ? pattern.slice(1) : pattern;
}
