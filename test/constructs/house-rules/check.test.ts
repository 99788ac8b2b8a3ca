import { Duration, Lazy } from 'aws-cdk-lib';
import { checkDuration, checkKnown, checkRule } from '../../../lib/constructs/house-rules';
import type { Rule } from '../../../lib/model/rules';

class Service {
  public readonly node = { path: 'market/Service' };
}
const at = new Service();

const BELOW: Rule<number, { readonly limit: number }> = {
  allows: (value, { limit }) => value < limit,
  allowed: (_, { limit }) => `below ${limit}`,
  rule: 'There is a limit.',
  fix: 'Lower it.',
};
const TOKEN = Lazy.number({ produce: () => 7 });

describe('checkRule', () => {
  test('names the construct, the property, the value and the texts of a broken rule', () => {
    expect(() => checkRule(at, 'size', BELOW, 5, { limit: 5 })).toThrow(
      'Service at market/Service: size must be below 5, got 5.\nThere is a limit. Lower it.',
    );
    expect(() => checkRule(at, 'size', BELOW, 4, { limit: 5 })).not.toThrow();
  });

  test('lets a token pass, as the value or in the context', () => {
    expect(() => checkRule(at, 'size', BELOW, TOKEN, { limit: -Infinity })).not.toThrow();
    expect(() => checkRule(at, 'size', BELOW, 5, { limit: TOKEN })).not.toThrow();
  });
});

test('checkKnown refuses a token that breaks the rule', () => {
  expect(() => checkKnown(at, 'size', BELOW, TOKEN, { limit: -Infinity })).toThrow('size must be');
  expect(() => checkKnown(at, 'size', BELOW, 4, { limit: 5 })).not.toThrow();
});

describe('checkDuration', () => {
  const limit = { limit: 2 };

  test.each([
    ['seconds', Duration.seconds(2), Duration.millis(1999)],
    ['minutes', Duration.seconds(120), Duration.seconds(119)],
    ['days', Duration.hours(48), Duration.hours(47)],
  ] as const)('compares %s, also fractions', (unit, bad, good) => {
    expect(() => checkDuration(at, 'time', BELOW, bad, unit, limit)).toThrow(
      'time must be below 2, got 2',
    );
    expect(() => checkDuration(at, 'time', BELOW, good, unit, limit)).not.toThrow();
  });

  test('lets a duration pass that is only known at deployment', () => {
    const unresolved = Duration.seconds(TOKEN);
    expect(() => checkDuration(at, 'time', BELOW, unresolved, 'minutes', limit)).not.toThrow();
  });
});
