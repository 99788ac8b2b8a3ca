import { IsochroneError } from '../../model/errors';

/** What is kept under a key, decoded. Times are Unix milliseconds. */
export interface CacheEntry {
  /**
   * `error` for a failure of the loader that is kept for a while; its value is `{ name, message,
   * code? }`.
   */
  readonly kind: 'value' | 'error';
  readonly value: unknown;
  /** Until then the value answers without a new load. */
  readonly freshUntil: number;
  /** Until then the value may answer while a new one is loaded. */
  readonly staleUntil: number;
  readonly createdAt: number;
  /** What the value was made from; invalidating one of them makes the entry a miss. */
  readonly tags: readonly string[];
  /** The version of each tag before the load began, in the order of `tags`. */
  readonly tagVersions: readonly string[];
}

/** Why bytes are not an entry. */
export type CorruptionReason =
  /** Something else was written under the key. */
  | 'foreign'
  /** An entry of another release of this library. */
  | 'version'
  /** Bytes are missing at the end, or there are too many. */
  | 'truncated'
  /** A bit has changed on the way. */
  | 'checksum'
  /** More bytes than `maxEntryBytes`, once decompressed. */
  | 'too-large'
  /** Whole, but its payload cannot be read. */
  | 'payload';

/**
 * Bytes from the server that are not a whole entry of a known version: a miss, and reason to remove
 * them.
 */
export class CorruptEntryError extends IsochroneError {
  public override readonly name = 'CorruptEntryError';

  constructor(
    public readonly reason: CorruptionReason,
    detail: string,
    options?: ErrorOptions,
  ) {
    super(
      `CacheCodec: the bytes must be an entry as CacheCodec.encode() wrote it, got ${detail}.\nTreat it as a miss and remove the key.`,
    );
    if (options?.cause !== undefined) this.cause = options.cause;
  }
}

/**
 * A value that the cache would not give back as it was: it is refused before anything is written.
 */
export class UnencodableValueError extends IsochroneError {
  public override readonly name = 'UnencodableValueError';

  /**
   * @param path Where in the value, such as `$.user.roles[2]`; `$` is the value itself.
   */
  constructor(
    public readonly path: string,
    got: string,
    rule: string,
    fix: string,
  ) {
    super(
      `CacheCodec at ${path}: the value must be data that a cache can give back as it was, got ${got}.\n${rule} ${fix}`,
    );
  }
}
