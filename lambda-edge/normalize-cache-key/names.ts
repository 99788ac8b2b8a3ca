/**
 * The names under which origins may know a parameter.
 *
 * An origin decodes names, and its framework may then read several of them as one: PHP reads `a[]`
 * and `a[x]` as `a`, `a.b` and `a b` as `a_b`; Rack and qs build objects from brackets, Spring and
 * ASP.NET from dots; ASP.NET ignores case. What the origin gets then depends on the order of those
 * parameters.
 *
 * Each reading below is coarser than the frameworks that it stands for: two names that one of them
 * reads as one share a reading. Names that share one without need only keep an order that did not
 * matter.
 */

/** The part of a parameter before its first `=`. */
export function nameOf(parameter: string): string {
  const equals = parameter.indexOf('=');
  return equals < 0 ? parameter : parameter.slice(0, equals);
}

/** The readings of a name; at least one. They are only compared, never sent. */
function readingsOf(name: string): string[] {
  const decoded = decode(name);
  const start = startOfWord(decoded);
  const word = decoded.slice(start, endOfWord(decoded, start));
  if (word.length === decoded.length) return [word];
  // What is before the first bracket or dot may be the name, even if it is no word.
  return isWithin(decoded, start) ? [asPhp(decoded), word, ''] : [asPhp(decoded), word];
}

/**
 * Decodes a name, in lower case, with each run of bytes beyond ASCII as one `\x7f`: origins differ
 * in what they make of those bytes, and in which letters are one without their case. It leaves
 * broken escapes, and cannot fail.
 */
function decode(name: string): string {
  let at = 0;
  // Most names are, or begin, as they are decoded.
  while (isDecoded(name.charCodeAt(at))) at++;
  let decoded = name.slice(0, at);
  for (let isBeyond = false; at < name.length; at++) {
    const code = codeAt(name, at);
    if (name.charCodeAt(at) === PERCENT && byteAt(name, at) >= 0) at += 2;
    if (code < BEYOND) decoded += String.fromCharCode(isUpperCase(code) ? code | CASE : code);
    else if (!isBeyond) decoded += '\x7f';
    isBeyond = code >= BEYOND;
  }
  return decoded;
}

function isDecoded(code: number): boolean {
  return code >= 0x2c && code < BEYOND && !isUpperCase(code);
}

/** The decoded character at a place of a name, a byte if it is escaped. */
function codeAt(name: string, at: number): number {
  const code = name.charCodeAt(at);
  if (code === PLUS) return SPACE;
  if (code !== PERCENT) return code;
  const byte = byteAt(name, at);
  return byte >= 0 ? byte : code;
}

/** The byte of an escape; not a number if a digit is missing. */
function byteAt(name: string, at: number): number {
  return hexDigit(name.charCodeAt(at + 1)) * 16 + hexDigit(name.charCodeAt(at + 2));
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | CASE;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : Number.NaN;
}

const SPACE = 0x20;
const PERCENT = 0x25;
const PLUS = 0x2b;
const UNDERSCORE = 0x5f;

/** Bytes from here on are not in ASCII, or stand for such. */
const BEYOND = 0x7f;

/** The bit by which a letter's lower case differs from its upper case. */
const CASE = 0x20;

/**
 * The variable that PHP makes of a name ("Variables From External Sources", PHP manual, and
 * `php_register_variable_ex`): a C string without leading spaces, up to a bracket that is closed,
 * with `_` for what the name of a variable cannot have.
 */
function asPhp(decoded: string): string {
  const nul = decoded.indexOf('\0');
  const end = nul < 0 ? decoded.length : nul;
  let start = 0;
  while (start < end && decoded.charCodeAt(start) === SPACE) start++;
  const name = decoded.slice(start, end);
  const bracket = name.indexOf('[');
  const isClosed = bracket >= 0 && name.indexOf(']', bracket) >= 0;
  return (isClosed ? name.slice(0, bracket) : name)
    .split(' ')
    .join('_')
    .split('.')
    .join('_')
    .split('[')
    .join('_');
}

/**
 * The start of the first word. What another framework reads as one has the same first word,
 * whatever its syntax is.
 */
function startOfWord(decoded: string): number {
  let start = 0;
  while (start < decoded.length && !isOfWord(decoded.charCodeAt(start))) start++;
  return start;
}

/** Whether a place is behind a bracket or a dot, so that it may be within another name. */
function isWithin(decoded: string, place: number): boolean {
  for (let i = 0; i < place; i++) {
    const character = decoded.charAt(i);
    if (character === '[' || character === ']' || character === '.') return true;
  }
  return false;
}

function endOfWord(text: string, start: number): number {
  let end = start;
  while (end < text.length && isOfWord(text.charCodeAt(end))) end++;
  return end;
}

/** A letter, a digit, `-`, `_` or `\x7f`: syntax to no framework. False for NaN, after the end. */
function isOfWord(code: number): boolean {
  return (
    isLetter(code) ||
    (code >= 0x30 && code <= 0x39) ||
    code === 0x2d ||
    code === UNDERSCORE ||
    code === BEYOND
  );
}

function isLetter(code: number): boolean {
  const lower = code | CASE;
  return lower >= 0x61 && lower <= 0x7a;
}

function isUpperCase(code: number): boolean {
  return code >= 0x41 && code <= 0x5a;
}

/**
 * Groups the names that share a reading, directly or through others.
 *
 * Disjoint sets with path halving: the work grows with the number of names, not with its square.
 *
 * @returns for each name, a text that stands for its group
 */
export function groupsOf(names: readonly string[]): string[] {
  const parents: Record<string, string> = Object.create(null);
  const first = names.map((name) => {
    const readings = readingsOf(name);
    const group = rootOf(parents, readings[0] as string);
    for (let i = 1; i < readings.length; i++) {
      const other = rootOf(parents, readings[i] as string);
      if (other !== group) parents[other] = group;
    }
    return group;
  });
  return first.map((group) => rootOf(parents, group));
}

function rootOf(parents: Record<string, string>, reading: string): string {
  let root = reading;
  for (let parent = parents[root]; parent !== undefined; parent = parents[root]) {
    const above = parents[parent];
    if (above !== undefined) parents[root] = above;
    root = parent;
  }
  return root;
}

/** Up to so many names are compared with each other, which is faster than by groups. */
const FEW = 8;

/**
 * The groups of a few names.
 *
 * @returns for each name, the first name of its group; undefined if that cannot be told by the
 * first words of the names alone
 */
export function firstNames(names: readonly string[]): string[] | undefined {
  if (names.length > FEW) return undefined;
  const places: string[] = [];
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as string;
    const letter = name.charCodeAt(0) | CASE;
    if (!isLetter(letter)) return undefined;
    let place = name;
    for (let j = i - 1; j >= 0; j--) {
      const other = names[j] as string;
      if ((other.charCodeAt(0) | CASE) !== letter) continue;
      const words = compareWords(name, other);
      if (words === UNCLEAR) return undefined;
      if (words === EQUAL) place = places[j] as string;
    }
    places.push(place);
  }
  return places;
}

const EQUAL = 0;
const DIFFERENT = 1;
const UNCLEAR = 2;

/**
 * Compares the first words of two names that begin with letters. If the words are equal, the names
 * share a reading. If they are different, all readings are.
 */
function compareWords(a: string, b: string): number {
  let i = 0;
  while (isOfWord(a.charCodeAt(i)) && isSame(a.charCodeAt(i), b.charCodeAt(i))) i++;
  const x = codeAt(a, i);
  const y = codeAt(b, i);
  if (x >= BEYOND || y >= BEYOND) return UNCLEAR;
  // PHP may make `_` of the character that ends the other word, and an escape may continue it.
  if (isOfWord(x)) return x === UNDERSCORE && y >= 0 && !isOfWord(y) ? UNCLEAR : differ(a, b, i);
  if (isOfWord(y)) return y === UNDERSCORE && x >= 0 ? UNCLEAR : differ(a, b, i);
  return EQUAL;
}

function differ(a: string, b: string, at: number): number {
  const isEscaped = a.charCodeAt(at) === PERCENT || b.charCodeAt(at) === PERCENT;
  return isEscaped ? UNCLEAR : DIFFERENT;
}

function isSame(a: number, b: number): boolean {
  return a === b || ((a ^ b) === CASE && isLetter(a));
}
