import { createHash } from 'node:crypto';
import { isWellFormed } from './key-part';

/**
 * The longest key or tag that is stored under its own name, in bytes. Redis allows 512 MB, but
 * every read sends the name, and the server stores it beside the value.
 */
const MAX_NAME_BYTES = 512;

/** How many characters of a longer name stay readable. */
const HEAD_LENGTH = 64;

/** The end of a shortened name: a tilde and a SHA-256 in base64url. */
const SHORTENED_END = /~[\w-]{43}$/;
const SHORTENED_END_LENGTH = 44;

/**
 * Returns the name under which a key or tag is stored: the key itself, or, if it is longer than 512
 * bytes, its first 64 characters, a tilde and its SHA-256.
 *
 * No two keys have the same name. A key that ends like a shortened name is shortened as well, so
 * that a caller who chooses a key cannot choose the name of another one. So is a key with half a
 * surrogate pair, which the server would store as U+FFFD, like all others. Hence a shortened name
 * is no key of itself: shortening it again gives another name.
 */
export function shortenKey(key: string): string {
  return isStorable(key) && !isShortenedKey(key) ? key : shortened(key);
}

function isStorable(key: string): boolean {
  // An empty key, or a closing brace in front, would make the hash tag empty: the lock could be in
  // another slot than the value.
  if (key.length === 0 || key.charCodeAt(0) === CLOSING_BRACE || !isWellFormed(key)) return false;
  // A UTF-16 unit takes at most three bytes, so most keys need not be measured.
  return key.length * 3 <= MAX_NAME_BYTES || Buffer.byteLength(key) <= MAX_NAME_BYTES;
}

const CLOSING_BRACE = '}'.charCodeAt(0);
const TILDE = '~'.charCodeAt(0);

/** Whether a text has the form of a shortened name. A key of this form is never its own name. */
export function isShortenedKey(key: string): boolean {
  const at = key.length - SHORTENED_END_LENGTH;
  return at >= 0 && key.charCodeAt(at) === TILDE && SHORTENED_END.test(key);
}

/**
 * Whether an entry of this name would be the key's own: a quick answer for a look-up, in which a
 * key that is too long or ill-formed finds nothing.
 */
export function isOwnName(key: string): boolean {
  // `startsWith` also joins the parts of which V8 made the text, and saves a map from doing it.
  return !key.startsWith('}') && !isShortenedKey(key);
}

function shortened(key: string): string {
  // As UTF-8, keys that differ in halves of surrogate pairs would have the same bytes.
  const hash = createHash('sha256').update(key, 'utf16le').digest('base64url');
  return `${key.startsWith('}') ? '' : wellFormed(key.slice(0, HEAD_LENGTH))}~${hash}`;
}

/** `String.toWellFormed` is ES2024, in Node since 20; TypeScript's es2023 library lacks it. */
function wellFormed(text: string): string {
  return (text as string & { toWellFormed(): string }).toWellFormed();
}

/**
 * The names of the keys, locks and tags of one namespace on the server. Keys and tags are given by
 * the names that `shortenKey` returns, which stay as they are.
 */
export class CacheKeyNames {
  private readonly valuePrefix: string;
  private readonly tagPrefix: string;
  /** The channel of the bus. */
  public readonly bus: string;

  constructor(private readonly namespace: string) {
    this.valuePrefix = `${namespace}:{`;
    this.tagPrefix = `${namespace}:tag:{`;
    this.bus = `${namespace}:bus`;
  }

  public value(key: string): string {
    return `${this.valuePrefix}${nameOf(key)}}`;
  }

  /** Has the hash tag of the value, hence the same slot: one script reaches both. */
  public lock(key: string): string {
    return `${this.value(key)}:lock`;
  }

  public tag(tag: string): string {
    return `${this.tagPrefix}${nameOf(tag)}}`;
  }

  /** The glob for the values whose keys match a glob. */
  public valuePattern(keyPattern: string): string {
    return `${this.valuePrefix}${keyPattern}}`;
  }

  /**
   * The glob for everything in the namespace. It also matches namespaces that begin with this one:
   * check each name with `owns`.
   */
  public get namespacePattern(): string {
    return `${this.namespace}:*`;
  }

  /** Whether a value, lock or tag of this namespace has this name. */
  public owns(name: string): boolean {
    return name.startsWith(this.valuePrefix) || name.startsWith(this.tagPrefix);
  }

  /** The key of a value's name; undefined for the name of anything else. */
  public keyOf(name: string): string | undefined {
    return name.startsWith(this.valuePrefix) && name.endsWith('}')
      ? name.slice(this.valuePrefix.length, -1)
      : undefined;
  }
}

/** What `shortenKey` returned stays as it is, and what no server should store is shortened. */
function nameOf(key: string): string {
  return isStorable(key) ? key : shortened(key);
}
