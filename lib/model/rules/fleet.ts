/** Rules of an Auto Scaling fleet that both a deployment file and a construct must keep. */
import { isWholeNumber, type Rule } from './rule';

const ORDERED_SIZES =
  'The scaling policies move between the minimum and the maximum size of a fleet.';

/** The minimum size of a fleet. An unknown maximum is Infinity. */
export const MINIMUM_INSTANCES: Rule<number, { readonly max: number }> = {
  allows: (min, { max }) => isWholeNumber(min, { min: 1, max }),
  allowed: (_, { max }) =>
    max === Number.POSITIVE_INFINITY
      ? 'a whole number of at least 1'
      : `a whole number from 1 to the maximum number of instances, ${max}`,
  rule: ORDERED_SIZES,
  fix: 'Lower it, or raise the maximum.',
};

/** The maximum size of a fleet. */
export const MAXIMUM_INSTANCES: Rule<number, { readonly min: number }> = {
  allows: (max, { min }) => isWholeNumber(max, { min, max: Number.POSITIVE_INFINITY }),
  allowed: (_, { min }) => `a whole number of at least the minimum number of instances, ${min}`,
  rule: ORDERED_SIZES,
  fix: 'Raise it, or lower the minimum.',
};

/** The CPU objective of what target tracking scales. */
export const CPU_OBJECTIVE: Rule<
  number,
  { readonly targetPercent: number; readonly target: string }
> = {
  allows: (percent, { targetPercent }) => percent > targetPercent,
  allowed: (_, { targetPercent, target }) =>
    `above ${targetPercent} %, the scaling target \`${target}\``,
  rule: 'Scaling holds CPU at its target: an alarm at or below the target would always ring.',
  fix: 'Raise it, or lower the target.',
};
