import { IsochroneError } from '../../../lib/model/errors';
import { wholeNumber } from '../../../lib/runtime/shared';

const RULE = { owner: 'Thing', min: 1, max: 10, rule: 'It has bounds.', fix: 'Leave it out.' };

test.each([1, 5, 10])('%d is returned', (value) => {
  expect(wholeNumber('size', value, RULE)).toBe(value);
});

test.each([
  [0, '0'],
  [11, '11'],
  [1.5, '1.5'],
  [Number.NaN, 'NaN'],
  [Number.POSITIVE_INFINITY, 'Infinity'],
  ['5', '"5"'],
  [undefined, 'nothing'],
])('%p is refused with owner, bounds, rule and fix', (value, got) => {
  expect(() => wholeNumber('size', value, RULE)).toThrow(
    new IsochroneError(
      `Thing: size must be a whole number from 1 to 10, got ${got}.\nIt has bounds. Leave it out.`,
    ),
  );
});
