import { describeValue, IsochroneError } from '../../model/errors';

/** The bounds of a whole number, both included. */
export interface WholeNumberBounds {
  readonly min: number;
  readonly max: number;
  /** The sentences that follow: why there are bounds, and what to do. */
  readonly advice: string;
}

/**
 * Checks an option that is a whole number.
 *
 * @param property the option behind its owner, such as `Invalidator: windowMs`
 * @returns the value
 * @throws IsochroneError if the value is not a whole number within the bounds
 */
export function wholeNumber(
  property: string,
  value: number,
  { min, max, advice }: WholeNumberBounds,
): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new IsochroneError(
    `${property} must be a whole number from ${min} to ${max}, got ${describeValue(value)}.\n` +
      advice,
  );
}
