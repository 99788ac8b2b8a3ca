import { types } from 'node:util';

/**
 * How values in the memory of a process are protected from changes by their callers, who share
 * them:
 * - `freeze` freezes plain objects and arrays once, when they are stored, and returns the same
 *   object on every hit. A value that contains anything else (a `Map`, a `Date`, a `Buffer`) is
 *   copied on each hit instead.
 * - `clone` copies on each hit.
 * - `share` returns the stored object itself, which the callers promise not to change.
 */
export type CacheIsolation = 'freeze' | 'clone' | 'share';

/** A value in memory. */
export interface IsolatedValue {
  readonly value: unknown;
  /** Whether each caller gets a copy. */
  readonly copied: boolean;
}

/**
 * Prepares a value for storage: freezes it, or marks it to be copied.
 *
 * @param plain whether the value is known to consist of plain objects, arrays and primitives
 * @returns whether each caller gets a copy
 */
export function isolate(value: unknown, isolation: CacheIsolation, plain: boolean): boolean {
  if (value === null || typeof value !== 'object' || isolation === 'share') return false;
  if (isolation === 'clone' || !(plain || isPlainTree(value))) return true;
  freezeTree(value);
  return false;
}

/** The value as a caller may get it. */
export function valueForCaller({ value, copied }: IsolatedValue): unknown {
  return copied ? copy(value) : value;
}

function isPlain(value: object): boolean {
  if (Array.isArray(value)) return true;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/*
 * Two walks take half the time of one walk that collects the objects, and every read of the server
 * pays for it. The codec returns a tree of at most 1,000 levels, without accessors and symbols.
 */
function isPlainTree(tree: object): boolean {
  if (Array.isArray(tree)) {
    for (let index = 0; index < tree.length; index++) {
      const child: unknown = tree[index];
      if (typeof child === 'object' && child !== null && !isPlainTree(child)) return false;
    }
    return true;
  }
  if (!isPlain(tree)) return false;
  for (const name in tree) {
    const child = (tree as Readonly<Record<string, unknown>>)[name];
    if (typeof child === 'object' && child !== null && !isPlainTree(child)) return false;
  }
  return true;
}

function freezeTree(tree: object): void {
  if (Array.isArray(tree)) {
    for (let index = 0; index < tree.length; index++) {
      const child: unknown = tree[index];
      if (typeof child === 'object' && child !== null) freezeTree(child);
    }
  } else {
    for (const name in tree) {
      const child = (tree as Readonly<Record<string, unknown>>)[name];
      if (typeof child === 'object' && child !== null) freezeTree(child);
    }
  }
  Object.freeze(tree);
}

/**
 * A deep copy. `structuredClone` alone would turn a `Buffer` into a bare `Uint8Array` and is
 * several times slower on plain data.
 */
export function copy<T>(value: T): T {
  return copyOf(value, new Map()) as T;
}

function copyOf(value: unknown, seen: Map<object, unknown>): unknown {
  if (value === null || typeof value !== 'object') return value;
  const earlier = seen.get(value);
  if (earlier !== undefined) return earlier;
  const remember = <O extends object>(made: O): O => {
    seen.set(value, made);
    return made;
  };
  if (Array.isArray(value)) {
    const made = remember(new Array<unknown>(value.length));
    for (let i = 0; i < value.length; i++) if (i in value) made[i] = copyOf(value[i], seen);
    return made;
  }
  if (isPlain(value)) {
    const made = remember(Object.create(Object.getPrototypeOf(value)) as Record<string, unknown>);
    for (const [name, child] of Object.entries(value)) {
      // Assigning to this name would set the prototype.
      if (name === '__proto__')
        Object.defineProperty(made, name, {
          value: copyOf(child, seen),
          writable: true,
          enumerable: true,
          configurable: true,
        });
      else made[name] = copyOf(child, seen);
    }
    return made;
  }
  if (value instanceof Date) return new Date(value.getTime());
  if (Buffer.isBuffer(value)) return remember(Buffer.from(value));
  if (value instanceof Map) {
    const made = remember(new Map<unknown, unknown>());
    for (const [name, child] of value) made.set(copyOf(name, seen), copyOf(child, seen));
    return made;
  }
  if (value instanceof Set) {
    const made = remember(new Set<unknown>());
    for (const child of value) made.add(copyOf(child, seen));
    return made;
  }
  if (types.isNativeError(value) || types.isRegExp(value)) {
    // structuredClone keeps only seven error names, and drops error codes and `lastIndex`.
    const made = remember(
      types.isRegExp(value)
        ? new RegExp(value)
        : Object.setPrototypeOf(new Error(), Object.getPrototypeOf(value)),
    );
    for (const [name, property] of Object.entries(Object.getOwnPropertyDescriptors(value))) {
      Object.defineProperty(made, name, { ...property, value: copyOf(property.value, seen) });
    }
    return made;
  }
  return remember(structuredClone(value) as object);
}
