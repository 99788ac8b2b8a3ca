import { invalidOption } from '../../model/errors';

/** What `wholeNumber` allows, both bounds included, and the rest of its message. */
export interface WholeNumberRule {
  /** The class or function that takes the option, as its caller wrote it. */
  readonly owner: string;
  readonly min: number;
  readonly max: number;
  /** Why the option has bounds, as a sentence. */
  readonly rule: string;
  /** What to do, as a sentence. */
  readonly fix: string;
}

/**
 * Returns an option that must be a whole number.
 *
 * @param property the option, as its caller wrote it
 * @throws IsochroneError for a fraction, a value out of bounds, or a value of another type
 */
export function wholeNumber(
  property: string,
  value: unknown,
  { owner, min, max, rule, fix }: WholeNumberRule,
): number {
  if (Number.isInteger(value) && (value as number) >= min && (value as number) <= max)
    return value as number;
  const allowed = `a whole number from ${min} to ${max}`;
  // A number in quotes is a common mistake, and no other text belongs here.
  const mayBeSecret = !/^-?[\d.]{1,10}$/.test(String(value));
  throw invalidOption(owner, { property, value, allowed, rule, fix, mayBeSecret });
}
