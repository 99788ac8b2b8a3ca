/**
 * Deeper values are refused: everything that walks a value (freezing, cloning, encoding) does so on
 * the stack.
 */
export const MAX_DEPTH = 1000;

/** What a serializer keeps by itself. */
export interface NativeValues {
  /**
   * Whether a value that is no plain object, no array, no finite number, no string, boolean or null
   * is kept as it is.
   */
  keeps(value: unknown): boolean;
  /** Whether a string is kept as it is, as a value and as the key of an object. */
  keepsString(text: string): boolean;
  keepsKey(key: string): boolean;
  /** How bytes stand in the tree. */
  bytes(bytes: Buffer): unknown;
}

/** The values of JSON: the others would be lost or changed without a word. */
export const JSON_VALUES: NativeValues = {
  keeps: () => false,
  keepsString: () => true,
  keepsKey: () => true,
  bytes: (bytes) => bytes.toString('base64'),
};

const INT64_MIN = -(2n ** 63n);
const UINT64_END = 2n ** 64n;

/** The values of MessagePack as msgpackr 2 writes them. */
export const MSGPACK_VALUES: NativeValues = {
  keeps: (value) =>
    value === undefined ||
    typeof value === 'number' ||
    (typeof value === 'bigint'
      ? value >= INT64_MIN && value < UINT64_END
      : isOwnDate(value) || Buffer.isBuffer(value)),
  // MessagePack's strings are UTF-8, which has no half surrogate pairs.
  keepsString: isWellFormed,
  // msgpackr renames `__proto__`, and takes an object's class from its `constructor`.
  keepsKey: (key) => key !== '__proto__' && key !== 'constructor' && isWellFormed(key),
  bytes: (bytes) => bytes,
};

/**
 * msgpackr knows dates by their class, so that those of another realm would become empty objects.
 */
function isOwnDate(value: unknown): boolean {
  return value instanceof Date && value.constructor === Date;
}

/** ES2024, in Node since 20; TypeScript's es2023 does not know it. */
export function isWellFormed(text: string): boolean {
  return (text as string & { isWellFormed(): boolean }).isWellFormed();
}

/** An object that a literal makes, in this realm or another. */
export function isPlainObject(value: object): value is Record<string, unknown> {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) return true;
  return (
    Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype as object, 'isPrototypeOf')
  );
}

/**
 * Says whether a serializer keeps a value as it is. It runs before each write, so it only answers
 * yes or no; who has to say where and why walks the value again.
 */
export class PlainValues {
  #objectsLeft = 0;
  /** Whether there are strings that the serializer does not keep. */
  readonly #chooses: boolean;

  constructor(
    private readonly natives: NativeValues,
    private readonly maxObjects: number,
  ) {
    this.#chooses = natives !== JSON_VALUES;
  }

  /**
   * @throws RangeError for a value of more than `maxObjects` objects, counted once for each place
   * where they stand
   */
  includes(value: unknown): boolean {
    this.#objectsLeft = this.maxObjects;
    return this.#isPlain(value, 0);
  }

  #isPlain(value: unknown, depth: number): boolean {
    switch (typeof value) {
      case 'string':
        return !this.#chooses || this.natives.keepsString(value);
      case 'number':
        return Number.isFinite(value) ? value !== 0 || 1 / value > 0 : this.natives.keeps(value);
      case 'boolean':
        return true;
      case 'object':
        return value === null || this.#isPlainObject(value, depth);
      default:
        return this.natives.keeps(value);
    }
  }

  #isPlainObject(value: object, depth: number): boolean {
    if (depth >= MAX_DEPTH) return this.natives.keeps(value);
    if (--this.#objectsLeft < 0) throw new RangeError(`more than ${this.maxObjects} objects`);
    if (Array.isArray(value)) {
      for (let index = 0; index < value.length; index++) {
        const item: unknown = value[index];
        if (item === undefined && !(index in value)) return false;
        if (!this.#isPlain(item, depth + 1)) return false;
      }
      return true;
    }
    if (!isPlainObject(value)) return this.natives.keeps(value);
    // A loop over the names is twice as fast as one over Object.keys; what a prototype adds to it
    // does no harm.
    for (const key in value) {
      if (this.#chooses && !this.natives.keepsKey(key)) return false;
      if (!this.#isPlain(value[key], depth + 1)) return false;
    }
    return true;
  }
}
