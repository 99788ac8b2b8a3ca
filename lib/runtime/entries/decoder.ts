import { define, type EncodedValue, type TypeAnnotation } from './encoder';

type Container = Record<string | number, unknown>;

/**
 * Returns the value that `encodeValue` encoded. A path only follows own properties of the tree.
 *
 * @param maxItems the longest array with holes: its length is a number in the tree, which anybody
 * can write, and copying or freezing the array walks it
 * @throws TypeError or RangeError for a tree that `encodeValue` did not create
 */
export function decodeValue({ tree, annotations }: EncodedValue, maxItems: number): unknown {
  const root: Container = { tree };
  for (const annotation of annotations) {
    const [, path] = annotation;
    let holder = root;
    let key: string | number = 'tree';
    for (const step of path) {
      holder = own(holder, key) as Container;
      key = step;
    }
    holder[key] = decodePlain(annotation, own(holder, key), maxItems);
  }
  return root.tree;
}

function own(holder: Container, key: string | number): unknown {
  if (typeof holder !== 'object' || holder === null || !Object.hasOwn(holder, key))
    throw new TypeError('a path that is not in the tree');
  return holder[key];
}

function decodePlain([type]: TypeAnnotation, plain: unknown, maxItems: number): unknown {
  switch (type) {
    case 'v':
      return undefined;
    case 'n':
      return Number(text(plain));
    case 'i': {
      const digits = text(plain);
      return digits.startsWith('-') ? -BigInt(`0x${digits.slice(1)}`) : BigInt(`0x${digits}`);
    }
    case 'u':
      return bytes(plain).toString('utf16le');
    case 'd':
      return new Date(plain === null ? Number.NaN : number(plain));
    case 'r': {
      const [source, flags, lastIndex] = list(plain);
      const expression = new RegExp(text(source), text(flags));
      expression.lastIndex = number(lastIndex);
      return expression;
    }
    case 'm':
      return new Map(pairs(plain));
    case 's':
      return new Set(list(plain));
    case 'e':
      return decodeError(plain);
    case 'x':
      return bytes(plain);
    case 't': {
      const [name, content] = list(plain);
      return typedArray(text(name), bytes(content));
    }
    case 'h': {
      const [length, present] = list(plain);
      const array: unknown[] = [];
      array.length = index(length, maxItems);
      for (const [at, value] of pairs(present)) array[index(at, array.length - 1)] = value;
      return array;
    }
    case 'o': {
      const object = {};
      for (const [key, value] of pairs(plain)) define(object, text(key), value);
      return object;
    }
    default:
      throw new TypeError(`an unknown type annotation ${JSON.stringify(type)}`);
  }
}

const ERRORS: Readonly<Record<string, new (message: string) => Error>> = {
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
};

function decodeError(plain: unknown): Error {
  const [name, message, properties] = list(plain);
  const known = Object.hasOwn(ERRORS, text(name)) ? ERRORS[text(name)] : Error;
  const error = new (known ?? Error)(text(message));
  if (error.name !== name) hidden(error, 'name', name);
  // The stack of the decoding process would mislead, and the original stack is not stored.
  hidden(error, 'stack', `${name}: ${message}`);
  for (const [key, value] of pairs(properties)) {
    if (key === 'cause' || key === 'errors') hidden(error, key, value);
    else define(error, text(key), value);
  }
  return error;
}

function hidden(object: object, key: string, value: unknown): void {
  Object.defineProperty(object, key, {
    value,
    configurable: true,
    enumerable: false,
    writable: true,
  });
}

const TYPED_ARRAYS: Readonly<Record<string, new (buffer: ArrayBuffer) => ArrayBufferView>> = {
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
  DataView,
};

function typedArray(name: string, content: Buffer): ArrayBuffer | ArrayBufferView {
  // Copied, because items must be aligned, and a view would keep the bytes it was read from alive.
  const { buffer } = new Uint8Array(content);
  if (name === 'ArrayBuffer') return buffer;
  const array = Object.hasOwn(TYPED_ARRAYS, name) ? TYPED_ARRAYS[name] : undefined;
  if (array === undefined) throw new TypeError(`an unknown array ${JSON.stringify(name)}`);
  return new array(buffer);
}

function list(plain: unknown): readonly unknown[] {
  if (!Array.isArray(plain)) throw new TypeError('a list expected');
  return plain;
}

function pairs(plain: unknown): readonly (readonly [unknown, unknown])[] {
  const flat = list(plain);
  return Array.from(
    { length: flat.length / 2 },
    (_, index) => [flat[2 * index], flat[2 * index + 1]] as const,
  );
}

function number(plain: unknown): number {
  if (typeof plain !== 'number') throw new TypeError('a number expected');
  return plain;
}

function index(plain: unknown, max: number): number {
  if (Number.isInteger(plain) && (plain as number) >= 0 && (plain as number) <= max)
    return plain as number;
  throw new RangeError(`a whole number up to ${max} expected`);
}

function text(plain: unknown): string {
  if (typeof plain !== 'string') throw new TypeError('a string expected');
  return plain;
}

/** Bytes are base64 text if the serializer has no type for bytes. */
function bytes(plain: unknown): Buffer {
  return Buffer.isBuffer(plain) ? plain : Buffer.from(text(plain), 'base64');
}
