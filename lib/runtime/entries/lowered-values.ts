import { types } from 'node:util';
import { UnencodableValueError } from './entry';
import { isPlainObject, MAX_DEPTH, type NativeValues } from './plain-values';

/** Where a value stands in a tree: keys and indexes from the root. */
export type Path = readonly (string | number)[];

/** What to make of the plain value at a path to have the original one again. */
export type Restoration = readonly [kind: RestorationKind, path: Path];

/** One letter each, as they stand in the bytes: never give one a new meaning. */
export type RestorationKind =
  | 'v'
  | 'n'
  | 'i'
  | 'u'
  | 'd'
  | 'r'
  | 'm'
  | 's'
  | 'e'
  | 'x'
  | 't'
  | 'h'
  | 'o';

/**
 * A value in terms that a serializer keeps, and what to restore in it afterwards, inner ones first.
 */
export interface LoweredValue {
  readonly tree: unknown;
  readonly restorations: readonly Restoration[];
}

/**
 * A copy of the value in which everything that the serializer would lose or change is written in
 * plain terms.
 *
 * @throws UnencodableValueError for what no bytes can give back: functions, symbols, promises,
 * instances of classes, cycles, and values of more than 1,000 levels or `maxObjects` objects
 */
export function lower(value: unknown, natives: NativeValues, maxObjects: number): LoweredValue {
  const lowering = new Lowering(natives, maxObjects);
  return { tree: lowering.lower(value), restorations: lowering.restorations };
}

class Lowering {
  readonly restorations: Restoration[] = [];
  readonly #path: (string | number)[] = [];
  /** The same path in the terms of the value, for messages: keys, indexes, and what has neither. */
  readonly #places: (string | number | Place)[] = [];
  /** The objects that the path goes through, each with the length of the path to it. */
  readonly #ancestors = new Map<object, number>();
  #objects = 0;

  constructor(
    private readonly natives: NativeValues,
    private readonly maxObjects: number,
  ) {}

  lower(value: unknown): unknown {
    switch (typeof value) {
      case 'string':
        return this.natives.keepsString(value)
          ? value
          : this.#restored('u', this.natives.bytes(Buffer.from(value, 'utf16le')));
      case 'number':
        if (Object.is(value, -0)) return this.#restored('n', '-0');
        return Number.isFinite(value) || this.natives.keeps(value)
          ? value
          : this.#restored('n', String(value));
      case 'boolean':
        return value;
      case 'undefined':
        return this.natives.keeps(value) ? value : this.#restored('v', null);
      case 'bigint':
        // Hexadecimal, because reading decimal digits takes time with their square.
        if (this.natives.keeps(value)) return value;
        return this.#restored('i', value < 0n ? `-${(-value).toString(16)}` : value.toString(16));
      case 'object':
        return value === null || this.natives.keeps(value) ? value : this.#object(value);
      default:
        return this.#refuse(
          typeof value === 'symbol' ? 'a symbol' : 'a function',
          'It has no meaning outside of this process.',
        );
    }
  }

  #object(value: object): unknown {
    const depth = this.#ancestors.get(value);
    if (depth !== undefined) {
      return this.#refuse(
        `the object at ${codeOf(this.#places.slice(0, depth))} again`,
        'A cycle has no end as bytes.',
      );
    }
    if (this.#path.length >= MAX_DEPTH) {
      return this.#refuse(
        `more than ${MAX_DEPTH} levels`,
        'Everything that walks a value does so on the stack.',
      );
    }
    if (++this.#objects > this.maxObjects) {
      return this.#refuse(
        `more than ${this.maxObjects} objects`,
        'Each is at least one byte, and maxEntryBytes is the limit.',
      );
    }
    this.#ancestors.set(value, this.#path.length);
    const lowered = this.#container(value);
    this.#ancestors.delete(value);
    return lowered;
  }

  #container(value: object): unknown {
    if (Array.isArray(value)) return this.#array(value);
    if (types.isDate(value)) {
      const time = value.getTime();
      return this.#restored('d', Number.isNaN(time) ? null : time);
    }
    if (types.isMap(value))
      return this.#restored(
        'm',
        this.#pairs(value, (key, index) => ({ code: mapAccess(key, index) })),
      );
    if (types.isSet(value)) {
      const items = Array.from(value, (item, index) =>
        this.#at(index, { code: `.values()[${index}]` }, () => this.lower(item)),
      );
      return this.#restored('s', items);
    }
    if (types.isRegExp(value))
      return this.#restored('r', [value.source, value.flags, value.lastIndex]);
    if (types.isNativeError(value)) return this.#restored('e', this.#error(value));
    if (Buffer.isBuffer(value)) return this.#restored('x', this.natives.bytes(value));
    if (ArrayBuffer.isView(value)) {
      const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
      const name = types.isTypedArray(value) ? value[Symbol.toStringTag] : 'DataView';
      return this.#restored('t', [name, this.natives.bytes(bytes)]);
    }
    if (types.isArrayBuffer(value))
      return this.#restored('t', ['ArrayBuffer', this.natives.bytes(Buffer.from(value))]);
    if (types.isPromise(value))
      return this.#refuse('a promise', 'It is not the value yet: await it.');
    if (!isPlainObject(value)) {
      return this.#refuse(
        `an instance of ${value.constructor?.name || 'a class'}`,
        'It would come back without its class.',
      );
    }
    const keys = Object.keys(value);
    if (!keys.every((key) => this.natives.keepsKey(key)))
      return this.#restored(
        'o',
        this.#pairs(Object.entries(value), (key) => key),
      );
    const copy: Record<string, unknown> = {};
    for (const key of keys)
      define(
        copy,
        key,
        this.#at(key, key, () => this.lower(value[key])),
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
    const mark = this.restorations.length;
    for (let index = 0; index < value.length; index++) {
      if (!(index in value)) {
        // What was noted for the items so far names their places in a dense array.
        this.restorations.length = mark;
        const present = Object.keys(value).filter((key) => String(Number(key) >>> 0) === key);
        const pairs = present.map((key) => [Number(key), value[Number(key)]] as const);
        return this.#restored('h', [
          value.length,
          this.#at(1, HERE, () => this.#pairs(pairs, (at) => at)),
        ]);
      }
      copy.push(this.#at(index, index, () => this.lower(value[index])));
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

  /** Keys and values in turn: a flat array, so that no key is special. */
  #pairs<Key>(
    pairs: Iterable<readonly [Key, unknown]>,
    place: (key: Key, index: number) => string | number | Place,
  ): unknown[] {
    const flat: unknown[] = [];
    for (const [key, value] of pairs) {
      const index = flat.length / 2;
      flat.push(this.#at(flat.length, { code: `.keys()[${index}]` }, () => this.lower(key)));
      flat.push(this.#at(flat.length, place(key, index), () => this.lower(value)));
    }
    return flat;
  }

  #at(step: string | number, place: string | number | Place, lower: () => unknown): unknown {
    this.#path.push(step);
    this.#places.push(place);
    const lowered = lower();
    this.#path.pop();
    this.#places.pop();
    return lowered;
  }

  #restored(kind: RestorationKind, tree: unknown): unknown {
    this.restorations.push([kind, [...this.#path]]);
    return tree;
  }

  #refuse(got: string, rule: string): never {
    throw new UnencodableValueError(
      codeOf(this.#places),
      got,
      rule,
      'Let the loader return plain data.',
    );
  }
}

/** Assignment would set the prototype for the key `__proto__`. */
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

/** A place that is no key and no index, as it would be written in code. */
interface Place {
  readonly code: string;
}

/** A step of the path that is only in the bytes. */
const HERE: Place = { code: '' };

function mapAccess(key: unknown, index: number): string {
  return typeof key === 'string' || typeof key === 'number'
    ? `.get(${JSON.stringify(key)})`
    : `.values()[${index}]`;
}

function codeOf(places: readonly (string | number | Place)[]): string {
  const codes = places.map((place) => {
    if (typeof place === 'object') return place.code;
    return typeof place === 'string' && /^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(place)
      ? `.${place}`
      : `[${JSON.stringify(place)}]`;
  });
  return `$${codes.join('')}`;
}
