import { isDate } from 'node:util/types';
import type { QueryResult } from 'pg';

/** What is kept of a result of `pg`: plain data, the same after a hit as after a miss. */
export interface KeptResult {
  readonly command: string;
  readonly rowCount: number | null;
  readonly oid: number;
  readonly fields: readonly Record<string, unknown>[];
  readonly rows: readonly unknown[];
}

const DEEPEST = 64;

/**
 * A result as plain data; undefined if one of its values would come back as something else, such as
 * an interval of `pg`.
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

/** What MessagePack brings back as it was: no class of its own, no function, no minus zero. */
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
  if (depth > DEEPEST) return false;
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
