import { createHash } from 'node:crypto';
import { isAnyArrayBuffer, isDate, isMap, isRegExp, isSet } from 'node:util/types';
import { IsochroneError } from '../../model/errors';

/** The parts of a key. Two queries share a cached result only if all parts are equal. */
export interface QueryKeyParts {
  /**
   * The parts that are the same for every query of one cache: the database, the version of its
   * schema, the time zone of the process.
   */
  readonly realm: readonly string[];
  /** The scopes of the result, if callers see different rows. @default - none */
  readonly scopes?: readonly (string | undefined)[];
  /** The normal form of the statement. */
  readonly statement: string;
  readonly values: readonly unknown[];
  /** `array` if rows are arrays. @default - rows are objects */
  readonly rowMode?: string;
}

/**
 * The key of a query: the SHA-256 of its parts, so that it is short and reveals no parameter.
 *
 * @returns undefined if a parameter cannot be compared: a function, a symbol, an invalid date, or
 * an object that converts itself to SQL (`toPostgres`) or has no JSON form
 * @throws IsochroneError for a parameter whose JSON would lose everything: a Promise, a Map, a Set,
 * a RegExp or an ArrayBuffer, also within another value
 */
export function queryKey(parts: QueryKeyParts): string | undefined {
  const material = queryKeyMaterial(parts);
  return material === undefined
    ? undefined
    : createHash('sha256').update(material).digest('base64url');
}

/**
 * The text that a key hashes. Every part includes its type and its length, so that different parts
 * never make the same text.
 */
export function queryKeyMaterial({
  realm,
  scopes = [],
  statement,
  values,
  rowMode,
}: QueryKeyParts): string | undefined {
  const parameters = listOf(values);
  if (parameters === undefined) return undefined;
  return [listOf(realm), listOf(scopes), typed(rowMode), typed(statement), parameters].join('');
}

/**
 * The deepest nesting of arrays. Deeper values are circular, or not accepted by PostgreSQL, whose
 * arrays have at most six dimensions.
 */
const MAX_DEPTH = 32;

function listOf(values: readonly unknown[], depth = 0): string | undefined {
  if (depth > MAX_DEPTH) return undefined;
  let text = `a${values.length}:`;
  for (const value of values) {
    const one = typed(value, depth);
    if (one === undefined) return undefined;
    text += one;
  }
  return text;
}

/**
 * The text of a value with its type. `1`, `'1'` and `1n` have different texts, although PostgreSQL
 * receives the same text for all three.
 */
function typed(value: unknown, depth = 0): string | undefined {
  switch (typeof value) {
    case 'undefined':
      return 'u';
    case 'boolean':
      return value ? 't' : 'f';
    case 'number':
      return `d${Object.is(value, -0) ? '-0' : value};`;
    case 'bigint':
      return `i${value};`;
    case 'string':
      return measured('s', value);
    case 'object':
      return value === null ? 'n' : ofObject(value, depth);
    default:
      return undefined;
  }
}

function ofObject(value: object, depth: number): string | undefined {
  if (ArrayBuffer.isView(value)) {
    return measured(
      'b',
      Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64'),
    );
  }
  if (isDate(value)) return Number.isNaN(value.getTime()) ? undefined : `D${value.getTime()};`;
  // Array.from turns a hole into undefined; pg sends NULL for both.
  if (Array.isArray(value)) return listOf(Array.from(value), depth + 1);
  if (typeof (value as { toPostgres?: unknown }).toPostgres === 'function') return undefined;
  let opaque: unknown;
  let json: string | undefined;
  try {
    // pg sends an object as JSON.
    json = JSON.stringify(value, (_name, part: unknown) => {
      if (isOpaque(part)) opaque ??= part;
      return part;
    });
  } catch {
    return undefined;
  }
  if (opaque !== undefined) throw opaqueValue(opaque);
  return json === undefined ? undefined : measured('o', json);
}

/** Whether JSON makes `{}` of the value, whatever it contains. */
function isOpaque(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { then } = value as { readonly then?: unknown };
  return (
    typeof then === 'function' ||
    isMap(value) ||
    isSet(value) ||
    isRegExp(value) ||
    isAnyArrayBuffer(value)
  );
}

function opaqueValue(value: unknown): IsochroneError {
  const type = Object.prototype.toString.call(value).slice('[object '.length, -1);
  const { then } = value as { readonly then?: unknown };
  return new IsochroneError(
    'QueryCache: values must be what pg can send, got ' +
      `${typeof then === 'function' ? 'a Promise (did you forget `await`?)' : `the type ${type}`}.\n` +
      'pg would send `{}` in its place, whatever it contains. ' +
      'Give its content, as text, a number, a list or a plain object.',
  );
}

function measured(type: string, text: string): string {
  return `${type}${text.length}:${text}`;
}
