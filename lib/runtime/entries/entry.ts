import { IsochroneError } from '../../model/errors';

/** When an entry was created, and until when it may be served, in Unix milliseconds. */
export interface Lifetime {
  readonly createdAt: number;
  /** Until then, the value is served without a new load. */
  readonly freshUntil: number;
  /** Until then, the value may be served while a new one is loaded. */
  readonly staleUntil: number;
}

/** An entry of the cache, decoded. */
export interface CacheEntry extends Lifetime {
  /** `error` for a cached failure of the loader, whose value is `{ name, message, code? }`. */
  readonly kind: 'value' | 'error';
  readonly value: unknown;
  /** What the value depends on. Invalidating one of the tags makes the entry a miss. */
  readonly tags: readonly string[];
  /** The version of each tag before the load began, in the order of `tags`. */
  readonly tagVersions: readonly string[];
  /**
   * The key, where the entry is stored under a shortened name. A reader compares it with the key
   * that it asks for.
   *
   * @default - the name is the key
   */
  readonly key?: string | undefined;
}

/** An entry as its bytes say. */
export interface DecodedEntry extends CacheEntry {
  /** Whether the value consists of plain objects, arrays and primitives, as all JSON does. */
  readonly plain: boolean;
}

/** Why bytes are not a valid entry. */
export type CorruptionReason =
  /** Another application wrote the key. */
  | 'foreign'
  /** Another release of this library wrote the entry. */
  | 'version'
  /** Bytes are missing at the end, or there are extra bytes. */
  | 'truncated'
  /** A bit was changed in transit or in storage. */
  | 'checksum'
  /** The decompressed payload is larger than `maxEntryBytes`. */
  | 'too-large'
  /** The entry is complete, but its payload cannot be read. */
  | 'payload';

/**
 * Bytes from the server that are not a complete entry of a known version. Treat them as a miss, and
 * remove them.
 */
export class CorruptEntryError extends IsochroneError {
  public override readonly name = 'CorruptEntryError';

  constructor(
    public readonly reason: CorruptionReason,
    detail: string,
    options?: ErrorOptions,
  ) {
    super(
      'CacheCodec: the bytes must be an entry as CacheCodec.encode() wrote it, ' +
        `got ${detail}.\nTreat it as a miss and remove the key.`,
    );
    if (options?.cause !== undefined) this.cause = options.cause;
  }
}

/** A value that cannot be decoded unchanged. It is refused before anything is written. */
export class UnencodableValueError extends IsochroneError {
  public override readonly name = 'UnencodableValueError';

  /**
   * @param path the position in the value, such as `$.user.roles[2]`; `$` is the value itself
   */
  constructor(
    public readonly path: string,
    got: string,
    rule: string,
    fix: string,
  ) {
    super(
      `CacheCodec at ${path}: the value must be data that a cache can return unchanged, ` +
        `got ${got}.\n${rule} ${fix}`,
    );
  }
}
