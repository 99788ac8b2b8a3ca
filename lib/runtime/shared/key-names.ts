import { createHash } from 'node:crypto';

/**
 * The longest key or tag that is stored under its own name, in bytes. Redis allows 512 MB, but
 * every read sends the name, and the server stores it beside the value.
 */
const MAX_NAME_BYTES = 512;

/** How many characters of a longer name stay readable. */
const HEAD_LENGTH = 64;

/**
 * Returns the name under which a key or tag is stored: the key itself, or, if it is longer than 512
 * bytes, its first 64 characters and its SHA-256. A shortened key stays as it is.
 */
export function shortenKey(key: string): string {
  // An empty key, or a closing brace in front, would make the hash tag empty: the lock could be in
  // another slot than the value.
  const taggable = key.length > 0 && !key.startsWith('}');
  // A UTF-16 unit takes at most three bytes, so most keys need not be measured.
  if (taggable && (key.length * 3 <= MAX_NAME_BYTES || Buffer.byteLength(key) <= MAX_NAME_BYTES))
    return key;
  const hash = createHash('sha256').update(key).digest('base64url');
  return taggable ? `${key.slice(0, HEAD_LENGTH)}~${hash}` : `~${hash}`;
}

/** The names of the keys, locks and tags of one namespace on the server. */
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
    return `${this.valuePrefix}${shortenKey(key)}}`;
  }

  /** Has the hash tag of the value, hence the same slot: one script reaches both. */
  public lock(key: string): string {
    return `${this.value(key)}:lock`;
  }

  public tag(tag: string): string {
    return `${this.tagPrefix}${shortenKey(tag)}}`;
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
