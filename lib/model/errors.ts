/**
 * The errors that a user can fix.
 *
 * Every message has the same order, so that the user can act on it without reading our code: the
 * place, the property, what is allowed, the value received, the rule, and the fix.
 */

/** Why a value is refused. */
export interface RuleText {
  /** What is allowed, as the end of the sentence "`property` must be …". */
  readonly allowed: string;
  /** The rule behind the limit, as a sentence. A rule of AWS is named as such. */
  readonly rule: string;
  /** What to do about it, as a sentence. */
  readonly fix: string;
}

/** A refused value. */
export interface InvalidValue extends RuleText {
  /** The property as the user wrote it, such as `leaves` or `database.maxConnections`. */
  readonly property: string;
  /** The value received. */
  readonly value: unknown;
  /**
   * Whether the value may be a password, or hold one. The message then tells only what kind of value
   * it is.
   *
   * @default false
   */
  readonly mayBeSecret?: boolean;
}

/** Anything with a path in a construct tree. This room does not import constructs. */
export interface HasPath {
  readonly node: { readonly path: string };
}

/**
 * An error that the user can fix. Its message is complete: callers print it without a stack trace.
 */
export class IsochroneError extends Error {
  public override readonly name: string = 'IsochroneError';
}

/**
 * The error for a value that a construct refuses.
 *
 * @example
 * PostgresReplicas at market/ap-southeast-1/Database: leaves must be 0 to 14, got 20.
 * RDS for PostgreSQL allows 15 replicas of one source. Lower `leaves`, or add a second hub.
 */
export function invalidValue(at: HasPath, problem: InvalidValue): IsochroneError {
  return invalidOption(`${at.constructor.name} at ${at.node.path}`, problem);
}

/**
 * The error for a value that is refused outside a construct tree.
 *
 * @param owner the class or function that takes the value, or the file, with the line if there is one
 * @example
 * ValkeyServer: port must be a whole number from 1 to 65535, got 0.
 * Every deadline and limit has bounds. The default is 6379.
 */
export function invalidOption(owner: string, problem: InvalidValue): IsochroneError {
  const { property, value, allowed, rule, fix, mayBeSecret = false } = problem;
  const received = mayBeSecret ? describeKind(value) : describeValue(value);
  return new IsochroneError(
    `${owner}: ${property} must be ${allowed}, got ${received}.\n${rule} ${fix}`,
  );
}

/** What kind of value it is. Texts, which may be secret, are not shown; numbers and flags are. */
export function describeKind(value: unknown): string {
  if (typeof value === 'function' || typeof value === 'symbol') return `a ${typeof value}`;
  if (typeof value === 'string') return value === '' ? '""' : 'text';
  if (typeof value !== 'object' || value === null) return describeValue(value);
  const isEmpty = Object.keys(value).length === 0;
  if (Array.isArray(value)) return isEmpty ? '[]' : 'a list';
  return 'an object';
}

/** A value as it appears in a message: short, on one line, and with its type (`"3"` is not `3`). */
export function describeValue(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  const text = typeof value === 'bigint' ? `${value}n` : (JSON.stringify(value) ?? String(value));
  return text.length > 120 ? `${text.slice(0, 117)}…` : text;
}
