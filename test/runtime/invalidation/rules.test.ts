import {
  InvalidationRuleSet,
  MARKET_INVALIDATION_RULES,
} from '../../../lib/runtime/invalidation/rules';

describe('InvalidationRuleSet', () => {
  const rules = new InvalidationRuleSet([
    {
      event: 'trade',
      tags: ['portfolio:{userId}', 'all'],
      patterns: ['api:{userId}:*'],
      edgePaths: ['/u/{userId}*'],
    },
    { event: 'trade', source: 'desk', tags: ['desk', 'all'] },
    { event: 'nothing' },
  ]);

  test('makes tags, patterns and paths without repetition, and escapes the values in them', () => {
    expect(rules.targetsOf({ type: 'trade', detail: { userId: 'a*/b' } })).toEqual({
      tags: ['portfolio:a*/b', 'all'],
      patterns: ['api:a\\*/b:*'],
      edgePaths: ['/u/a%2A%2Fb*'],
    });
    expect(
      rules.targetsOf({ type: 'trade', source: 'desk', detail: { userId: 'a' } }).tags,
    ).toEqual(['portfolio:a', 'all', 'desk']);
    expect(rules.targetsOf({ type: 'nothing' })).toEqual({ tags: [], patterns: [], edgePaths: [] });
  });

  test('refuses an event without a field, and names the rule that needs it', () => {
    expect(() => rules.targetsOf({ type: 'trade', detail: {} })).toThrow(
      new RegExp(
        '^InvalidationRules\\[0\\] \\(trade\\), event "trade": ' +
          'the field userId of "portfolio:\\{userId\\}" must be',
      ),
    );
  });

  test('refuses an event without a rule', () => {
    expect(() => rules.targetsOf({ type: 'trad' })).toThrow(
      /one that a rule is about \(trade, nothing\), got "trad"/,
    );
  });

  test.each<[object, object, RegExp]>([
    [{ event: '' }, { event: 'e' }, /event must be the type of an event/],
    [{ event: 'e', tag: [] }, { event: 'e', tags: [] }, /tag must be absent/],
    [
      { event: 'e', tags: ['{'] },
      { event: 'e', tags: ['{a}'] },
      /InvalidationRules\[0\] \(e\)\.tags: the template/,
    ],
    [
      { event: 'e', patterns: ['*'] },
      { event: 'e', patterns: ['a*'] },
      /begin with text of its own/,
    ],
    [
      { event: 'e', patterns: ['{a}:*'] },
      { event: 'e', patterns: ['a:{a}:*'] },
      /begin with text of its own/,
    ],
    [
      { event: 'e', patterns: ['[ab]:x'] },
      { event: 'e', patterns: ['a[ab]:x'] },
      /begin with text of its own/,
    ],
    [{ event: 'e', edgePaths: ['/*/{a}'] }, { event: 'e', edgePaths: ['/{a}/*'] }, /asterisk/],
  ])('refuses %j and accepts %j', (wrong, right, message) => {
    expect(() => new InvalidationRuleSet([wrong as never])).toThrow(message);
    expect(() => new InvalidationRuleSet([right as never])).not.toThrow();
  });

  test('has market rules for four events, which are frozen', () => {
    const market = new InvalidationRuleSet(MARKET_INVALIDATION_RULES);
    expect(market.targetsOf({ type: 'strategy_update', detail: { strategyId: 7 } })).toEqual({
      tags: ['strategies', 'strategy:7'],
      patterns: [],
      edgePaths: ['/api/strategies/public/*'],
    });
    expect(market.targetsOf({ type: 'market_close', detail: { market: 'XNYS' } }).tags).toEqual([
      'market:XNYS',
      'strategies',
    ]);
    for (const type of ['trade_execution', 'position_update']) {
      expect(market.targetsOf({ type, detail: { userId: 'u' } })).toEqual({
        tags: ['portfolio:u', 'positions:u'],
        patterns: [],
        edgePaths: [],
      });
    }
    for (const rule of [MARKET_INVALIDATION_RULES, ...MARKET_INVALIDATION_RULES])
      expect(Object.isFrozen(rule)).toBe(true);
  });
});
