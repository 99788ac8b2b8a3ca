import { createHash } from 'node:crypto';

/**
 * The longest key or tag that is stored under its own name, in bytes. Redis would take 512 MB, but
 * every read sends the name, and the server keeps it beside the value.
 */
const MAX_NAME_BYTES = 512;

/** What stays readable of a longer one, in characters. */
const HEAD_LENGTH = 64;

/**
 * The name under which a key or tag is kept: itself, or, if it is longer than 512 bytes, its
 * beginning and its SHA-256. A bounded key stays as it is.
 */
export function boundedKey(key: string): string {
  // A closing brace in front would make the hash tag empty, and the lock could lie in another slot
  // than the value.
  const taggable = key.length > 0 && !key.startsWith('}');
  // No UTF-16 unit takes more than three bytes, so that most keys need not be measured.
  if (taggable && (key.length * 3 <= MAX_NAME_BYTES || Buffer.byteLength(key) <= MAX_NAME_BYTES))
    return key;
  const hash = createHash('sha256').update(key).digest('base64url');
  return taggable ? `${key.slice(0, HEAD_LENGTH)}~${hash}` : `~${hash}`;
}

/** How the keys, locks and tags of one namespace are named on the server. */
export class CacheKeyNames {
  private readonly valueHead: string;
  private readonly tagHead: string;
  public readonly bus: string;

  constructor(private readonly namespace: string) {
    this.valueHead = `${namespace}:{`;
    this.tagHead = `${namespace}:tag:{`;
    this.bus = `${namespace}:bus`;
  }

  public value(key: string): string {
    return `${this.valueHead}${boundedKey(key)}}`;
  }

  /** Behind the same hash tag as the value, hence in the same slot: one script reaches both. */
  public lock(key: string): string {
    return `${this.value(key)}:lock`;
  }

  public tag(tag: string): string {
    return `${this.tagHead}${boundedKey(tag)}}`;
  }

  /** The glob for the values whose keys match a glob. */
  public valuePattern(keyPattern: string): string {
    return `${this.valueHead}${keyPattern}}`;
  }

  /**
   * The glob for everything of the namespace; of others too, if their name begins with this one's:
   * ask `owns`.
   */
  public get everything(): string {
    return `${this.namespace}:*`;
  }

  public owns(name: string): boolean {
    return name.startsWith(this.valueHead) || name.startsWith(this.tagHead);
  }

  /** The key of a value's name; undefined for the name of anything else. */
  public keyOf(name: string): string | undefined {
    return name.startsWith(this.valueHead) && name.endsWith('}')
      ? name.slice(this.valueHead.length, -1)
      : undefined;
  }
}
