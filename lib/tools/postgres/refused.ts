import { describeValue, type InvalidValue, IsochroneError } from '../../model/errors';

/**
 * The error for an invalid value in a file.
 *
 * @param where the file, with the line if there is one
 */
export function refused(where: string, problem: InvalidValue): IsochroneError {
  const { property, value, allowed, rule, fix } = problem;
  return new IsochroneError(
    `${where}: ${property} must be ${allowed}, got ${describeValue(value)}.\n${rule} ${fix}`,
  );
}
