import { isWellFormed } from '../shared';

/**
 * The most levels of a value. Deeper values are refused, because every traversal (freezing,
 * cloning, encoding) is recursive.
 */
export const MAX_DEPTH = 1000;

/** The values that a serializer keeps unchanged. */
export interface NativeTypes {
  /**
   * Whether a value is kept, other than plain objects, arrays, finite numbers, strings, booleans
   * and null.
   */
  keeps(value: unknown): boolean;
  /** Whether a string is kept as a value. */
  keepsString(text: string): boolean;
  /** Whether a string is kept as the key of an object. */
  keepsKey(key: string): boolean;
  /** Represents bytes in the encoded tree. */
  bytes(bytes: Buffer): unknown;
}

/** JSON. It silently drops or changes all other values. */
export const JSON_TYPES: NativeTypes = {
  keeps: () => false,
  keepsString: () => true,
  keepsKey: () => true,
  bytes: (bytes) => bytes.toString('base64'),
};

const INT64_MIN = -(2n ** 63n);
const UINT64_END = 2n ** 64n;

/** MessagePack as msgpackr 2 writes it. */
export const MSGPACK_TYPES: NativeTypes = {
  keeps: (value) =>
    value === undefined ||
    typeof value === 'number' ||
    (typeof value === 'bigint'
      ? value >= INT64_MIN && value < UINT64_END
      : isOwnDate(value) || Buffer.isBuffer(value)),
  // MessagePack's strings are UTF-8, which cannot represent lone surrogates.
  keepsString: isWellFormed,
  // msgpackr renames `__proto__`, and reads an object's class from its `constructor`.
  keepsKey: (key) => key !== '__proto__' && key !== 'constructor' && isWellFormed(key),
  bytes: (bytes) => bytes,
};

/** msgpackr recognizes dates by class: a date of another realm would become an empty object. */
function isOwnDate(value: unknown): boolean {
  return value instanceof Date && value.constructor === Date;
}

/** Whether an object is as a literal creates it, in this realm or another. */
export function isPlainObject(value: object): value is Record<string, unknown> {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) return true;
  return (
    Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype as object, 'isPrototypeOf')
  );
}

/**
 * Checks whether a serializer keeps a value unchanged. It runs before each write, so it returns
 * only true or false; `encodeValue` traverses the value again to say where and why.
 */
export class PlainValues {
  #objectsLeft = 0;
  /** Whether the serializer keeps only some strings. */
  readonly #checksStrings: boolean;

  constructor(
    private readonly natives: NativeTypes,
    private readonly maxObjects: number,
  ) {
    this.#checksStrings = natives !== JSON_TYPES;
  }

  /**
   * @throws RangeError for a value of more than `maxObjects` objects; an object that occurs twice
   * counts twice
   */
  includes(value: unknown): boolean {
    this.#objectsLeft = this.maxObjects;
    return this.#isPlain(value, 0);
  }

  #isPlain(value: unknown, depth: number): boolean {
    switch (typeof value) {
      case 'string':
        return !this.#checksStrings || this.natives.keepsString(value);
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
    // for-in is twice as fast as Object.keys. Properties that a prototype adds are harmless here.
    for (const key in value) {
      if (this.#checksStrings && !this.natives.keepsKey(key)) return false;
      if (!this.#isPlain(value[key], depth + 1)) return false;
    }
    return true;
  }
}
