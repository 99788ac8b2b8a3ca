import { type Duration, Token } from 'aws-cdk-lib';
import { invalidValue, type Placed } from '../../model/errors';
import { brokenRule, type Rule } from '../../model/rules';

/**
 * Checks a property of a construct against a rule. A value that is only known at deployment passes,
 * and so does one whose context is.
 *
 * @param at the construct, whose path the error names
 * @param property as the user wrote it
 * @throws IsochroneError if the value breaks the rule
 */
export function checkRule<Value>(
  at: Placed,
  property: string,
  rule: Rule<Value>,
  value: Value,
): void;
export function checkRule<Value, Context>(
  at: Placed,
  property: string,
  rule: Rule<Value, Context>,
  value: Value,
  context: Context,
): void;
export function checkRule<Value, Context>(
  at: Placed,
  property: string,
  rule: Rule<Value, Context>,
  value: Value,
  context?: Context,
): void {
  if (Token.isUnresolved(value) || hasToken(context)) return;
  checkKnown(at, property, rule, value, context as Context);
}

/**
 * Checks a property that must be known at synthesis: `checkRule` that does not let tokens pass.
 *
 * @throws IsochroneError if the value breaks the rule
 */
export function checkKnown<Value, Context>(
  at: Placed,
  property: string,
  rule: Rule<Value, Context>,
  value: Value,
  context: Context,
): void {
  const broken = brokenRule(rule, value, context);
  if (broken) throw invalidValue(at, { property, value, ...broken });
}

/** Whether a context is a token, or has one among its members. */
function hasToken(context: unknown): boolean {
  if (Token.isUnresolved(context)) return true;
  if (context === null || typeof context !== 'object') return false;
  return Object.values(context).some((member) => Token.isUnresolved(member));
}

/**
 * Checks a duration, in a unit, against a rule. A duration that is only known at deployment passes.
 *
 * @throws IsochroneError if the duration breaks the rule
 */
export function checkDuration<Context = undefined>(
  at: Placed,
  property: string,
  rule: Rule<number, Context>,
  duration: Duration,
  unit: 'seconds' | 'minutes' | 'days',
  context?: Context,
): void {
  if (duration.isUnresolved()) return;
  const value = {
    seconds: () => duration.toSeconds({ integral: false }),
    minutes: () => duration.toMinutes({ integral: false }),
    days: () => duration.toDays({ integral: false }),
  }[unit]();
  checkRule(at, property, rule, value, context as Context);
}
