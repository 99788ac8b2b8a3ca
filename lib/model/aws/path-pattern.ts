/**
 * Path patterns of cache behaviors: `*` stands for any characters, `?` for exactly one, case
 * matters, and the first match wins. "Path pattern", Amazon CloudFront developer guide.
 */

/** The characters that CloudFront accepts in a path pattern, and their number. */
export const PATH_PATTERN = /^[A-Za-z0-9_\-.*$/~"'@:+&?]{1,255}$/;

/** Whether CloudFront accepts a text as a path pattern. */
export function isPathPattern(pattern: string): boolean {
  return PATH_PATTERN.test(pattern);
}

/**
 * Whether the earlier pattern matches every path that the later one matches, so that the later one
 * is never used. It does not detect several earlier patterns that do so only together.
 */
export function catchesAll(earlier: string, later: string): boolean {
  const pattern = withoutFirstSlash(earlier);
  const path = withoutFirstSlash(later);
  let p = 0;
  let t = 0;
  // The last `*` of the earlier pattern, and how much of the later one it has matched so far.
  // Backtracking to the last `*` is enough. It bounds the time by the product of the lengths, which
  // a regular expression would not.
  let star = -1;
  let taken = 0;
  while (t < path.length) {
    if (pattern[p] === '*') {
      star = p++;
      taken = t;
    } else if (matchesCharacter(pattern[p], path[t])) {
      p++;
      t++;
    } else if (star >= 0) {
      p = star + 1;
      t = ++taken;
    } else {
      return false;
    }
  }
  while (pattern[p] === '*') p++;
  return p === pattern.length;
}

/**
 * The `?` and `*` of the later pattern stand for one or any number of unknown characters. A literal
 * therefore matches neither, and `?` matches only `?`.
 */
function matchesCharacter(pattern: string | undefined, character: string | undefined): boolean {
  return pattern === '?' ? character !== '*' : pattern === character;
}

/** CloudFront treats `/static/*` and `static/*` alike. */
function withoutFirstSlash(pattern: string): string {
  return pattern.startsWith('/') ? pattern.slice(1) : pattern;
}
