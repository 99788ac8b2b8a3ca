import { CACHE_STRATEGIES } from '../../../lib/runtime';

describe('CACHE_STRATEGIES', () => {
  const strategies = Object.entries(CACHE_STRATEGIES);

  test('no prefix begins with another, so no strategy reads the values of another', () => {
    const prefixes = strategies.map(([, { prefix }]) => prefix);
    const clashes = prefixes.flatMap((prefix, i) =>
      prefixes.filter((other, j) => i !== j && other.startsWith(prefix)),
    );
    expect(clashes).toEqual([]);
  });

  test('are frozen', () => {
    for (const [, strategy] of strategies) expect(Object.isFrozen(strategy)).toBe(true);
    expect(Object.isFrozen(CACHE_STRATEGIES)).toBe(true);
  });

  test('have the documented times to live, compression and serializers', () => {
    expect(
      Object.fromEntries(strategies.map(([name, { ttlSeconds }]) => [name, ttlSeconds])),
    ).toEqual({
      session: 86400,
      api: 300,
      query: 900,
      kpi: 60,
      preferences: 3600,
      static: 86400,
      portfolio: 600,
      strategies: 900,
    });
    expect(strategies.filter(([, { compress }]) => compress).map(([name]) => name)).toEqual([
      'api',
      'query',
    ]);
    expect(CACHE_STRATEGIES.query).toMatchObject({ serializer: 'msgpack', compress: true });
  });

  test('never serve data of one user stale', () => {
    for (const name of ['session', 'preferences', 'portfolio'] as const)
      expect(CACHE_STRATEGIES[name].staleSeconds ?? 0).toBe(0);
  });
});
