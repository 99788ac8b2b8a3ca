import { Duration, Lazy, Stack, Token } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { checkDuration, checkKnown, checkRule } from '../../../lib/constructs/house-rules';
import { isWholeNumber, type Rule } from '../../../lib/model/rules';

const port: Rule<number> = {
  allows: (value) => isWholeNumber(value, { min: 1, max: 65_535 }),
  allowed: '1 to 65535',
  rule: 'TCP has no other ports.',
  fix: 'Use 8080.',
};

class Server extends Construct {}

const server = () => new Server(new Stack(undefined, 'Test'), 'Server');
const token = () => Lazy.number({ produce: () => 0 });

const atMost: Rule<number, { readonly max: number }> = {
  allows: (value, { max }) => value <= max,
  allowed: (_, { max }) => `at most ${max}`,
  rule: (value, { max }) => `${value} exceeds ${max}.`,
  fix: 'Lower it.',
};

describe.each([
  ['checkRule', checkRule],
  ['checkKnown', checkKnown],
] as const)('%s', (_, check) => {
  test('names the construct, the property, the value, the rule and the fix', () => {
    expect(() => check(server(), 'port', port, 0)).toThrow(
      'Server at Test/Server: port must be 1 to 65535, got 0.\nTCP has no other ports. Use 8080.',
    );
    expect(() => check(server(), 'port', port, 1)).not.toThrow();
  });

  test('derives its texts from the value and its context', () => {
    expect(() => check(server(), 'shards', atMost, 3, { max: 2 })).toThrow(
      'shards must be at most 2, got 3.\n3 exceeds 2. Lower it.',
    );
    expect(() => check(server(), 'shards', atMost, 2, { max: 2 })).not.toThrow();
  });

  test('passes a value whose context is only known at deployment', () => {
    expect(() => check(server(), 'shards', atMost, 3, { max: token() })).not.toThrow();
  });
});

test('checkRule passes a token, and checkKnown refuses it', () => {
  expect(() => checkRule(server(), 'port', port, token())).not.toThrow();
  expect(() => checkKnown(server(), 'port', port, token())).toThrow(
    'Server at Test/Server: port must be known at synthesis, got "a token".',
  );
  const zones = Token.asList({ 'Fn::GetAZs': '' });
  const two: Rule<readonly string[]> = {
    allows: ({ length }) => length === 2,
    allowed: 'two zones',
    rule: 'A load balancer needs two zones.',
    fix: 'Name two.',
  };
  expect(() => checkKnown(server(), 'zones', two, zones)).toThrow('known at synthesis');
});

const below: Rule<number, { readonly limit: number }> = {
  allows: (value, { limit }) => value < limit,
  allowed: (_, { limit }) => `below ${limit}`,
  rule: 'There is a limit.',
  fix: 'Lower it.',
};

describe('checkDuration', () => {
  const limit = { limit: 2 };

  test.each([
    ['seconds', Duration.seconds(2), Duration.millis(1999)],
    ['minutes', Duration.seconds(120), Duration.seconds(119)],
    ['days', Duration.hours(48), Duration.hours(47)],
  ] as const)('compares %s, also fractions', (unit, bad, good) => {
    expect(() => checkDuration(server(), 'time', below, bad, unit, limit)).toThrow(
      'time must be below 2, got 2',
    );
    expect(() => checkDuration(server(), 'time', below, good, unit, limit)).not.toThrow();
  });

  test('lets a duration pass that is only known at deployment', () => {
    const unresolved = Duration.seconds(token());
    expect(() =>
      checkDuration(server(), 'time', below, unresolved, 'minutes', limit),
    ).not.toThrow();
  });
});
