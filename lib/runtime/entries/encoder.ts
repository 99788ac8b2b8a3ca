import { types } from 'node:util';
import { UnencodableValueError } from './entry';
import { isPlainObject, MAX_DEPTH, type NativeTypes } from './plain-values';

/** The position of a value in a tree: keys and indexes from the root. */
export type Path = readonly (string | number)[];

/** Says from which type the plain value at a path was encoded. */
export type TypeAnnotation = readonly [type: TypeLetter, path: Path];

/** The letters are part of the stored format: never give one a new meaning. */
export type TypeLetter =
  /** undefined */
  | 'v'
  /** A number: -0, NaN or an infinity. */
  | 'n'
  /** A bigint. */
  | 'i'
  /** A string that is not well-formed UTF-16. */
  | 'u'
  /** A Date. */
  | 'd'
  /** A RegExp. */
  | 'r'
  /** A Map. */
  | 'm'
  /** A Set. */
  | 's'
  /** An Error. */
  | 'e'
  /** A Buffer. */
  | 'x'
  /** A typed array, a DataView or an ArrayBuffer. */
  | 't'
  /** An array with holes. */
  | 'h'
  /** An object with keys that the serializer does not keep. */
  | 'o';

/** A value in types that a serializer keeps, and annotations to decode it, innermost first. */
export interface EncodedValue {
  readonly tree: unknown;
  readonly annotations: readonly TypeAnnotation[];
}

/**
 * Copies a value, and encodes everything that the serializer would lose or change in types that it
 * keeps.
 *
 * @throws UnencodableValueError for values that bytes cannot represent: functions, symbols,
 * promises, instances of classes, cycles, and values of more than 1,000 levels or `maxObjects`
 * objects
 */
export function encodeValue(
  value: unknown,
  natives: NativeTypes,
  maxObjects: number,
): EncodedValue {
  const encoder = new ValueEncoder(natives, maxObjects);
  return { tree: encoder.encode(value), annotations: encoder.annotations };
}

class ValueEncoder {
  readonly annotations: TypeAnnotation[] = [];
  /** The path in the encoded tree. */
  readonly #path: (string | number)[] = [];
  /** The same path in the original value, for messages. */
  readonly #steps: (string | number | CodeStep)[] = [];
  /** The objects on the path, each with the length of the path to it. */
  readonly #ancestors = new Map<object, number>();
  #objects = 0;

  constructor(
    private readonly natives: NativeTypes,
    private readonly maxObjects: number,
  ) {}

  encode(value: unknown): unknown {
    switch (typeof value) {
      case 'string':
        return this.natives.keepsString(value)
          ? value
          : this.#annotated('u', this.natives.bytes(Buffer.from(value, 'utf16le')));
      case 'number':
        if (Object.is(value, -0)) return this.#annotated('n', '-0');
        return Number.isFinite(value) || this.natives.keeps(value)
          ? value
          : this.#annotated('n', String(value));
      case 'boolean':
        return value;
      case 'undefined':
        return this.natives.keeps(value) ? value : this.#annotated('v', null);
      case 'bigint':
        // Hexadecimal, because parsing decimal digits takes quadratic time.
        if (this.natives.keeps(value)) return value;
        return this.#annotated('i', value < 0n ? `-${(-value).toString(16)}` : value.toString(16));
      case 'object':
        return value === null || this.natives.keeps(value) ? value : this.#object(value);
      default:
        return this.#refuse(
          typeof value === 'symbol' ? 'a symbol' : 'a function',
          'It has no meaning outside this process.',
        );
    }
  }

  #object(value: object): unknown {
    const depth = this.#ancestors.get(value);
    if (depth !== undefined) {
      return this.#refuse(
        `the object at ${codeOf(this.#steps.slice(0, depth))} again`,
        'A cycle cannot be written as bytes.',
      );
    }
    if (this.#path.length >= MAX_DEPTH) {
      return this.#refuse(
        `more than ${MAX_DEPTH} levels`,
        'Every traversal of a value is recursive.',
      );
    }
    if (++this.#objects > this.maxObjects) {
      return this.#refuse(
        `more than ${this.maxObjects} objects`,
        'Each takes at least one byte, and maxEntryBytes is the limit.',
      );
    }
    this.#ancestors.set(value, this.#path.length);
    const encoded = this.#container(value);
    this.#ancestors.delete(value);
    return encoded;
  }

  #container(value: object): unknown {
    if (Array.isArray(value)) return this.#array(value);
    if (types.isDate(value)) {
      const time = value.getTime();
      return this.#annotated('d', Number.isNaN(time) ? null : time);
    }
    if (types.isMap(value))
      return this.#annotated(
        'm',
        this.#pairs(value, (key, index) => ({ code: mapAccess(key, index) })),
      );
    if (types.isSet(value)) {
      const items = Array.from(value, (item, index) =>
        this.#at(index, { code: `.values()[${index}]` }, () => this.encode(item)),
      );
      return this.#annotated('s', items);
    }
    if (types.isRegExp(value))
      return this.#annotated('r', [value.source, value.flags, value.lastIndex]);
    if (types.isNativeError(value)) return this.#annotated('e', this.#error(value));
    if (Buffer.isBuffer(value)) return this.#annotated('x', this.natives.bytes(value));
    if (ArrayBuffer.isView(value)) {
      const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
      const name = types.isTypedArray(value) ? value[Symbol.toStringTag] : 'DataView';
      return this.#annotated('t', [name, this.natives.bytes(bytes)]);
    }
    if (types.isArrayBuffer(value))
      return this.#annotated('t', ['ArrayBuffer', this.natives.bytes(Buffer.from(value))]);
    if (types.isPromise(value))
      return this.#refuse('a promise', 'It is not the value yet: await it.');
    if (!isPlainObject(value)) {
      return this.#refuse(
        `an instance of ${value.constructor?.name || 'a class'}`,
        'It would be decoded without its class.',
      );
    }
    const keys = Object.keys(value);
    if (!keys.every((key) => this.natives.keepsKey(key)))
      return this.#annotated(
        'o',
        this.#pairs(Object.entries(value), (key) => key),
      );
    const copy: Record<string, unknown> = {};
    for (const key of keys)
      define(
        copy,
        key,
        this.#at(key, key, () => this.encode(value[key])),
      );
    return copy;
  }

  #array(value: readonly unknown[]): unknown {
    if (value.length > this.maxObjects)
      return this.#refuse(
        `an array of length ${value.length}`,
        'Holes count as items, and maxEntryBytes is the limit.',
      );
    const copy: unknown[] = [];
    const mark = this.annotations.length;
    for (let index = 0; index < value.length; index++) {
      if (!(index in value)) {
        // The annotations so far have the paths of items in a dense array.
        this.annotations.length = mark;
        const present = Object.keys(value).filter((key) => String(Number(key) >>> 0) === key);
        const pairs = present.map((key) => [Number(key), value[Number(key)]] as const);
        return this.#annotated('h', [
          value.length,
          this.#at(1, HERE, () => this.#pairs(pairs, (at) => at)),
        ]);
      }
      copy.push(this.#at(index, index, () => this.encode(value[index])));
    }
    return copy;
  }

  #error(error: Error): unknown {
    const own = Object.entries(error).filter(
      ([key]) => key !== 'name' && key !== 'message' && key !== 'stack' && key !== 'cause',
    );
    const parts: [string, unknown][] = [...own];
    if (Object.hasOwn(error, 'cause')) parts.push(['cause', error.cause]);
    if (Object.hasOwn(error, 'errors') && !Object.keys(error).includes('errors'))
      parts.push(['errors', (error as AggregateError).errors]);
    return [
      String(error.name),
      String(error.message),
      this.#at(2, HERE, () => this.#pairs(parts, (key) => key)),
    ];
  }

  /** Keys and values in turn, in a flat array, so that no key is special. */
  #pairs<Key>(
    pairs: Iterable<readonly [Key, unknown]>,
    step: (key: Key, index: number) => string | number | CodeStep,
  ): unknown[] {
    const flat: unknown[] = [];
    for (const [key, value] of pairs) {
      const index = flat.length / 2;
      flat.push(this.#at(flat.length, { code: `.keys()[${index}]` }, () => this.encode(key)));
      flat.push(this.#at(flat.length, step(key, index), () => this.encode(value)));
    }
    return flat;
  }

  /** @param key the step in the encoded tree; @param step the step in the original value */
  #at(key: string | number, step: string | number | CodeStep, encode: () => unknown): unknown {
    this.#path.push(key);
    this.#steps.push(step);
    const encoded = encode();
    this.#path.pop();
    this.#steps.pop();
    return encoded;
  }

  #annotated(type: TypeLetter, tree: unknown): unknown {
    this.annotations.push([type, [...this.#path]]);
    return tree;
  }

  #refuse(got: string, rule: string): never {
    throw new UnencodableValueError(
      codeOf(this.#steps),
      got,
      rule,
      'Let the loader return plain data.',
    );
  }
}

/** Sets a property. Assigning to the key `__proto__` would set the prototype instead. */
export function define(object: object, key: string, value: unknown): void {
  if (key === '__proto__')
    Object.defineProperty(object, key, {
      value,
      configurable: true,
      enumerable: true,
      writable: true,
    });
  else (object as Record<string, unknown>)[key] = value;
}

/** A step other than a key or an index, as it would be written in code. */
interface CodeStep {
  readonly code: string;
}

/** A step that exists only in the encoded tree. */
const HERE: CodeStep = { code: '' };

function mapAccess(key: unknown, index: number): string {
  return typeof key === 'string' || typeof key === 'number'
    ? `.get(${JSON.stringify(key)})`
    : `.values()[${index}]`;
}

/** A path as code, such as `$.user.roles[2]`. */
function codeOf(steps: readonly (string | number | CodeStep)[]): string {
  const codes = steps.map((step) => {
    if (typeof step === 'object') return step.code;
    return typeof step === 'string' && /^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(step)
      ? `.${step}`
      : `[${JSON.stringify(step)}]`;
  });
  return `$${codes.join('')}`;
}
