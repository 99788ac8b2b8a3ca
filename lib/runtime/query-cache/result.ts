import { isDate } from 'node:util/types';
import type { QueryResult } from 'pg';

/** A result of `pg` as plain data. A hit and a miss return the same. */
export interface KeptResult {
  readonly command: string;
  readonly rowCount: number | null;
  readonly oid: number;
  readonly fields: readonly Record<string, unknown>[];
  readonly rows: readonly unknown[];
}

/** The deepest nesting of a value that is cached. */
const MAX_DEPTH = 64;

/**
 * Converts a result to plain data. Returns undefined if a value, such as an interval of `pg`, would
 * not survive serialization.
 */
export function keptResult(result: QueryResult): KeptResult | undefined {
  if (
    Array.isArray(result) ||
    !Array.isArray(result.rows) ||
    !result.rows.every((row) => survives(row, 0))
  )
    return undefined;
  return {
    command: result.command,
    rowCount: result.rowCount,
    oid: result.oid,
    fields: result.fields.map((field) => ({ ...field })),
    rows: result.rows,
  };
}

/** Whether MessagePack restores a value unchanged: no class instance, function or minus zero. */
function survives(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
    case 'undefined':
      return true;
    case 'number':
      return !Object.is(value, -0);
    case 'bigint':
      return BigInt.asIntN(64, value) === value;
    case 'object':
      break;
    default:
      return false;
  }
  if (value === null || isDate(value) || Buffer.isBuffer(value)) return true;
  if (depth > MAX_DEPTH) return false;
  if (Array.isArray(value))
    return (
      Object.keys(value).length === value.length && value.every((item) => survives(item, depth + 1))
    );
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  return (
    !Object.hasOwn(value, '__proto__') &&
    Object.values(value).every((item) => survives(item, depth + 1))
  );
}
