/**
 * Path patterns of cache behaviours: `*` stands for any characters, `?` for exactly one, case
 * matters, and the first match wins. "Path pattern", Amazon CloudFront developer guide.
 */

/** The characters that CloudFront takes in a path pattern, and how many. */
export const PATH_PATTERN = /^[A-Za-z0-9_\-.*$/~"'@:+&?]{1,255}$/;

export function isPathPattern(pattern: string): boolean {
  return PATH_PATTERN.test(pattern);
}

/**
 * Whether the earlier pattern matches every path that the later one matches, so that the later one
 * is never used. Only together could several earlier patterns do the same without being noticed
 * here.
 */
export function catchesAll(earlier: string, later: string): boolean {
  const pattern = withoutFirstSlash(earlier);
  const path = withoutFirstSlash(later);
  let p = 0;
  let t = 0;
  // The last `*` of the earlier pattern, and how much of the later one it has taken so far. Going
  // back to the last one is enough, and keeps the time to the product of the lengths, which a
  // regular expression would not.
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
 * Read as a path, a `?` of the later pattern is some character and a `*` any number of them: a
 * literal must match neither, and `?` only the former.
 */
function matchesCharacter(pattern: string | undefined, character: string | undefined): boolean {
  return pattern === '?' ? character !== '*' : pattern === character;
}

/** CloudFront takes `/static/*` and `static/*` for the same. */
function withoutFirstSlash(pattern: string): string {
  return pattern.startsWith('/') ? pattern.slice(1) : pattern;
}
