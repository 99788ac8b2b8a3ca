import { describeValue, IsochroneError, invalidValue } from '../../lib/model/errors';

class PostgresReplicas {
  public readonly node = { path: 'market/ap-southeast-1/Database' };
}

describe('invalidValue', () => {
  test('names the place, the property, what is allowed, the value, the rule and the fix', () => {
    const error = invalidValue(new PostgresReplicas(), {
      property: 'leaves',
      value: 20,
      allowed: '0 to 14',
      rule: 'RDS for PostgreSQL allows 15 replicas of one source.',
      fix: 'Lower `leaves`, or add a second hub.',
    });
    expect(error).toBeInstanceOf(IsochroneError);
    expect(error.message).toBe(
      'PostgresReplicas at market/ap-southeast-1/Database: leaves must be 0 to 14, got 20.\n' +
        'RDS for PostgreSQL allows 15 replicas of one source. Lower `leaves`, or add a second hub.',
    );
  });
});

describe('describeValue', () => {
  test.each<[unknown, string]>([
    ['3', '"3"'],
    [3, '3'],
    [10n, '10n'],
    [undefined, 'nothing'],
    [null, 'null'],
    [{ a: [1] }, '{"a":[1]}'],
    [Symbol.for('x'), 'Symbol(x)'],
  ])('%p is shown as %s', (value, shown) => {
    expect(describeValue(value)).toBe(shown);
  });

  test('a long value is shortened', () => {
    const shown = describeValue('x'.repeat(5000));
    expect(shown.length).toBe(118);
    expect(shown.endsWith('…')).toBe(true);
  });
});
