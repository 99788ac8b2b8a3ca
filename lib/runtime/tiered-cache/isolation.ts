import { types } from 'node:util';

/**
 * Keeps what the memory of a process holds out of the reach of those who get it: an object that is
 * handed out to many callers must not be changed by one of them.
 */

/**
 * `freeze` freezes plain objects and arrays once, when they enter, and hands out the same object
 * ever after; a value that holds anything else (a `Map`, a `Date`, a `Buffer`) is copied at each
 * hit instead. `clone` copies at each hit. `share` hands out the very object, which the callers
 * promise not to change.
 */
export type CacheIsolation = 'freeze' | 'clone' | 'share';

/** A value, with how it leaves. */
export interface HeldValue {
  readonly value: unknown;
  readonly copied: boolean;
}

export function hold(value: unknown, isolation: CacheIsolation): HeldValue {
  if (value === null || typeof value !== 'object' || isolation === 'share')
    return { value, copied: false };
  return { value, copied: isolation === 'clone' || !freezeDeep(value) };
}

export function handOut(held: HeldValue): unknown {
  return held.copied ? copy(held.value) : held.value;
}

function isPlain(value: object): boolean {
  if (Array.isArray(value)) return true;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/**
 * Freezes a tree of plain objects and arrays; false if something in it cannot be frozen, and then
 * nothing has been.
 */
function freezeDeep(root: object): boolean {
  if (!isPlainTree(root)) return false;
  freezeTree(root);
  return true;
}

/*
 * Two walks without a list of what was found: half the time, at every read of the server. What comes out of the codec is a tree, of
 * 1,000 levels at most, without accessors and symbols.
 */
function isPlainTree(tree: object): boolean {
  return isPlain(tree) && everyInner(tree, isPlainTree);
}

function freezeTree(tree: object): boolean {
  Object.freeze(tree);
  return everyInner(tree, freezeTree);
}

function everyInner(tree: object, visit: (inner: object) => boolean): boolean {
  if (Array.isArray(tree)) {
    for (let index = 0; index < tree.length; index++) {
      const inner: unknown = tree[index];
      if (typeof inner === 'object' && inner !== null && !visit(inner)) return false;
    }
    return true;
  }
  for (const name in tree) {
    const inner = (tree as Readonly<Record<string, unknown>>)[name];
    if (typeof inner === 'object' && inner !== null && !visit(inner)) return false;
  }
  return true;
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
  const before = seen.get(value);
  if (before !== undefined) return before;
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
    for (const [name, inner] of Object.entries(value)) {
      // Plain assignment to this name would set the prototype.
      if (name === '__proto__')
        Object.defineProperty(made, name, {
          value: copyOf(inner, seen),
          writable: true,
          enumerable: true,
          configurable: true,
        });
      else made[name] = copyOf(inner, seen);
    }
    return made;
  }
  if (value instanceof Date) return new Date(value.getTime());
  if (Buffer.isBuffer(value)) return remember(Buffer.from(value));
  if (value instanceof Map) {
    const made = remember(new Map<unknown, unknown>());
    for (const [name, inner] of value) made.set(copyOf(name, seen), copyOf(inner, seen));
    return made;
  }
  if (value instanceof Set) {
    const made = remember(new Set<unknown>());
    for (const inner of value) made.add(copyOf(inner, seen));
    return made;
  }
  if (types.isNativeError(value) || types.isRegExp(value)) {
    // structuredClone knows seven names of errors, and neither their codes nor where a search has
    // come to.
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
