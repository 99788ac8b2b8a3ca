import { describeValue, type InvalidValue, IsochroneError } from '../../model/errors';

/**
 * Makes the error for an option that a class or function refuses.
 *
 * @param owner the class or function that takes the option, as its caller wrote it
 *
 * @example
 * ValkeyServer: port must be a whole number from 1 to 65535, got 0.
 * Every deadline and limit has bounds. The default is 6379.
 */
export function invalidOption(owner: string, problem: InvalidValue): IsochroneError {
  const { property, value, allowed, rule, fix } = problem;
  return new IsochroneError(
    `${owner}: ${property} must be ${allowed}, got ${describeValue(value)}.\n${rule} ${fix}`,
  );
}
