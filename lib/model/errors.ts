/**
 * Ground floor: the one error class of the project.
 *
 * Every message has the same order, so that whoever typed the value can act on
 * it without reading our code: where, what, the value received, what is
 * allowed, the rule behind it, what to do.
 */

/** Why a value is refused, in the words of its rule. */
export interface RuleText {
  /** What is allowed, as the end of the sentence "`property` must be …". */
  readonly allowed: string;
  /** The rule behind the limit, as a sentence; name AWS's rule where it is AWS's. */
  readonly rule: string;
  /** What to do about it, as a sentence. */
  readonly fix: string;
}

/** A value that someone gave us and that we refuse. */
export interface InvalidValue extends RuleText {
  /** The property as the user wrote it, such as `leaves` or `database.maxConnections`. */
  readonly property: string;
  /** The value received. */
  readonly value: unknown;
}

/**
 * Anything with a place in a construct tree: enough to say where, without importing constructs
 * here.
 */
export interface Placed {
  readonly node: { readonly path: string };
}

/**
 * An error that is the user's to mend. Its message is complete: callers print it without a stack
 * trace.
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
export function invalidValue(at: Placed, problem: InvalidValue): IsochroneError {
  return invalidOption(`${at.constructor.name} at ${at.node.path}`, problem);
}

/**
 * The error for a value that is refused outside a construct tree.
 *
 * @param owner the class or function that refuses it
 * @example
 * ReplicaPool: max must be a whole number from 2 to 10000, got 1.
 * A reader needs one for queries and one for health checks. Change `max`, or leave it out.
 */
export function invalidOption(owner: string, problem: InvalidValue): IsochroneError {
  return new IsochroneError(
    `${owner}: ${problem.property} must be ${problem.allowed}, got ` +
      `${describeValue(problem.value)}.\n${problem.rule} ${problem.fix}`,
  );
}

/**
 * A value as it appears in a message: short, on one line, and distinguishable from its neighbours
 * (`"3"` is not `3`).
 */
export function describeValue(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  const text = typeof value === 'bigint' ? `${value}n` : (JSON.stringify(value) ?? String(value));
  return text.length > 120 ? `${text.slice(0, 117)}…` : text;
}
