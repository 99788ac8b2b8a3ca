/** How a construct checks a property against a rule. */
import { type Duration, Token } from 'aws-cdk-lib';
import { type HasPath, invalidValue } from '../../model/errors';
import { brokenRule, type Rule } from '../../model/rules';

/**
 * Checks a property of a construct against a rule. A value that is only known at deployment passes,
 * and so does a value whose context is only known then.
 *
 * @param at the construct, whose path the error names
 * @param property as the user wrote it
 * @throws IsochroneError if the value breaks the rule
 */
export function checkRule<Value, Context>(
  at: HasPath,
  property: string,
  rule: Rule<Value, Context>,
  value: Value,
  ...[context]: RuleContext<Context>
): void {
  if (Token.isUnresolved(value) || hasToken(context)) return;
  const broken = brokenRule(rule, value, context as Context);
  if (broken) throw invalidValue(at, { property, value, ...broken });
}

/**
 * As `checkRule`, for a value that synthesis itself needs: a value that is only known at deployment
 * is refused.
 *
 * @throws IsochroneError if the value breaks the rule or is a token
 */
export function checkKnown<Value, Context>(
  at: HasPath,
  property: string,
  rule: Rule<Value, Context>,
  value: Value,
  ...context: RuleContext<Context>
): void {
  if (Token.isUnresolved(value)) {
    throw invalidValue(at, {
      property,
      value: 'a token',
      allowed: 'known at synthesis',
      rule: 'Synthesis derives names or resources from it.',
      fix: 'Give a literal value.',
    });
  }
  checkRule(at, property, rule, value, ...context);
}

/** The last argument of a check: absent for a rule without a context. */
type RuleContext<Context> = [Context] extends [undefined]
  ? [context?: undefined]
  : [context: Context];

/** Whether a context is a token, or has a token among its members. */
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
export function checkDuration<Context>(
  at: HasPath,
  property: string,
  rule: Rule<number, Context>,
  duration: Duration,
  unit: 'seconds' | 'minutes' | 'days',
  ...context: RuleContext<Context>
): void {
  if (duration.isUnresolved()) return;
  const value = {
    seconds: () => duration.toSeconds({ integral: false }),
    minutes: () => duration.toMinutes({ integral: false }),
    days: () => duration.toDays({ integral: false }),
  }[unit]();
  checkRule(at, property, rule, value, ...context);
}
