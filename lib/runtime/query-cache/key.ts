import { createHash } from 'node:crypto';
import { isDate } from 'node:util/types';

/** What makes two queries the same question. */
export interface QueryKeyParts {
  /**
   * The database, the version of its schema, the time zone of the process: what is the same for
   * every query of one cache.
   */
  readonly realm: readonly string[];
  /** Whose answer it is, where callers see different rows. */
  readonly scopes?: readonly (string | undefined)[];
  /** The normal form of the statement. */
  readonly statement: string;
  readonly values: readonly unknown[];
  readonly rowMode?: string;
}

/**
 * The key of a query: SHA-256 of its parts, so that it is short and shows no parameter.
 *
 * @returns undefined if a parameter has no form that could be compared: a function, a symbol, an
 * invalid date, an object that turns itself into SQL (`toPostgres`) or into no JSON
 */
export function queryKey(parts: QueryKeyParts): string | undefined {
  const material = queryKeyMaterial(parts);
  return material === undefined
    ? undefined
    : createHash('sha256').update(material).digest('base64url');
}

/**
 * The text behind a key. Every part says its type and its length, so that no two lists of parts
 * write the same text.
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
 * Deeper than this is a circle, or nothing that PostgreSQL takes: its arrays have six dimensions at
 * most.
 */
const DEEPEST = 32;

function listOf(values: readonly unknown[], depth = 0): string | undefined {
  if (depth > DEEPEST) return undefined;
  let text = `a${values.length}:`;
  for (const value of values) {
    const one = typed(value, depth);
    if (one === undefined) return undefined;
    text += one;
  }
  return text;
}

/**
 * A value with its type. `1`, `'1'` and `1n` are sent as the same text, but a cache has no need to
 * know that.
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
  // A hole is sent as NULL and reads as undefined: Array.from fills it.
  if (Array.isArray(value)) return listOf(Array.from(value), depth + 1);
  if (typeof (value as { toPostgres?: unknown }).toPostgres === 'function') return undefined;
  try {
    // What pg sends for an object.
    const json: string | undefined = JSON.stringify(value);
    return json === undefined ? undefined : measured('o', json);
  } catch {
    return undefined;
  }
}

function measured(type: string, text: string): string {
  return `${type}${text.length}:${text}`;
}
