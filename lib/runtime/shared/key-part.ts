import { IsochroneError } from '../../model/errors';

/** Who needs the part, and for what. */
export interface KeyPartRule {
  /** The class or function that takes the part, as its caller wrote it. */
  readonly owner: string;
  /**
   * What to do, as a sentence.
   *
   * @default - Give it as a string.
   */
  readonly fix?: string | undefined;
}

/**
 * Returns a part of a cache key, such as a key, a tag or a user's name. It must be a string that is
 * not empty and is well-formed UTF-16.
 *
 * Nothing is converted. A conversion would give different values one text, for example
 * `[object Object]` or `{}` for every Promise, Map and Set, and callers would share an entry that
 * belongs to one of them.
 *
 * @param property the part, as its caller wrote it
 * @throws IsochroneError for anything else. The message names the type of the value, but not the
 * value, which can be a secret.
 */
export function keyPart(property: string, value: unknown, { owner, fix }: KeyPartRule): string {
  if (typeof value === 'string' && value !== '' && isWellFormed(value)) return value;
  throw refused(property, 'a string that is not empty', value, { owner, fix });
}

/**
 * Returns a key or tag as `keyPart` does, but takes every string: where keys are made by programs,
 * an empty one is as good as others.
 *
 * @throws IsochroneError for anything else, as `keyPart`
 */
export function keyText(property: string, value: unknown, rule: KeyPartRule): string {
  if (typeof value === 'string') return value;
  throw refused(property, 'a string', value, rule);
}

/**
 * Returns a list of keys or tags, each as `keyText` returns it.
 *
 * @throws IsochroneError for anything else, as `keyPart`
 */
export function keyTexts(property: string, value: unknown, rule: KeyPartRule): readonly string[] {
  if (!Array.isArray(value)) throw refused(property, 'a list of strings', value, rule);
  for (const text of value)
    if (typeof text !== 'string') throw refused(`each of ${property}`, 'a string', text, rule);
  return value;
}

function refused(
  property: string,
  allowed: string,
  value: unknown,
  { owner, fix }: KeyPartRule,
): IsochroneError {
  return new IsochroneError(
    `${owner}: ${property} must be ${allowed}, got ${typeOf(value)}.\n` +
      'A part of a cache key is never converted: different values could get the same key. ' +
      `${fix ?? 'Give it as a string.'}`,
  );
}

/** `String.isWellFormed` is ES2024, in Node since 20; TypeScript's es2023 library lacks it. */
export function isWellFormed(text: string): boolean {
  return (text as string & { isWellFormed(): boolean }).isWellFormed();
}

function typeOf(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (value === '') return 'an empty string';
  if (typeof value === 'string')
    return isWellFormed(value) ? 'a string' : 'a string with half a surrogate pair';
  if (typeof (value as { then?: unknown }).then === 'function')
    return 'a Promise (did you forget `await`?)';
  if (typeof value !== 'object') return `a ${typeof value}`;
  // `Array` of `[object Array]`. Unlike the name of the constructor, it always exists.
  const type = Object.prototype.toString.call(value).slice('[object '.length, -1);
  return `${/^[AEIO]/.test(type) ? 'an' : 'a'} ${type}`;
}
