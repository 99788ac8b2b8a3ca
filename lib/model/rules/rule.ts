import type { RuleText } from '../errors';

/** A text of a rule: fixed, or derived from the value and its context. */
type Text<Value, Context> = string | ((value: Value, context: Context) => string);

/**
 * A rule of AWS, or of ours, written once. The deployment file's checks add the path and line of
 * the value; a construct adds its own path and skips unresolved tokens.
 *
 * `Value` is the type of the checked value. `Context` is anything else that decides, such as
 * another property.
 */
export interface Rule<Value, Context = undefined> {
  /** Whether the value keeps the rule. */
  readonly allows: (value: Value, context: Context) => boolean;
  /** What is allowed, as the end of the sentence "must be …". */
  readonly allowed: Text<Value, Context>;
  /** Why, as a sentence; it names AWS's rule where it is AWS's. */
  readonly rule: Text<Value, Context>;
  /** What to do, as a sentence. */
  readonly fix: Text<Value, Context>;
}

/** The texts of a rule that a value breaks; undefined if the value keeps it. */
export function brokenRule<Value>(rule: Rule<Value>, value: Value): RuleText | undefined;
export function brokenRule<Value, Context>(
  rule: Rule<Value, Context>,
  value: Value,
  context: Context,
): RuleText | undefined;
export function brokenRule<Value, Context>(
  rule: Rule<Value, Context>,
  value: Value,
  context?: Context,
): RuleText | undefined {
  const given = context as Context;
  if (rule.allows(value, given)) return undefined;
  const text = (part: Text<Value, Context>) =>
    typeof part === 'string' ? part : part(value, given);
  return { allowed: text(rule.allowed), rule: text(rule.rule), fix: text(rule.fix) };
}

/** Whether a value is a whole number within bounds, both included. */
export function isWholeNumber(value: number, { min, max }: { min: number; max: number }): boolean {
  return Number.isInteger(value) && value >= min && value <= max;
}

/** The rule that a name differs from every earlier one in its list. */
export function unlike(
  rule: string,
  fix: string,
): Rule<string, { readonly earlier: readonly string[] }> {
  return {
    allows: (name, { earlier }) => !earlier.includes(name),
    allowed: 'unique',
    rule,
    fix,
  };
}
