import { IsochroneError } from '../../../lib/model/errors';
import type { EdgePathOutcome } from '../../../lib/runtime/invalidation/edge';
import {
  type EventBridgeEvent,
  Invalidator,
  type InvalidatorOptions,
} from '../../../lib/runtime/invalidation/invalidator';
import type { InvalidationRules } from '../../../lib/runtime/invalidation/rules';

const RULES: InvalidationRules = [
  {
    event: 'trade',
    tags: ['portfolio:{userId}', 'trades'],
    patterns: ['api:{userId}:*'],
    edgePaths: ['/u/{userId}*'],
  },
  { event: 'close', tags: ['market'] },
  { event: 'many', tags: ['t:{ids}'], patterns: ['api:*'] },
];

/** Three tiers that behave as a test sets them, and record their calls. */
class Tiers {
  public readonly tags: string[][] = [];
  public readonly deleted: string[][] = [];
  public readonly scanned: string[] = [];
  public readonly edgeCalls: { readonly paths: readonly string[]; readonly reference: string }[] =
    [];
  public reached = true;
  public keys: readonly string[] = ['api:u:1', 'api:u:2'];
  public scanAnswers: boolean | Error = true;
  public tagError: Error | undefined;
  public edgeError: (path: string) => string | undefined = () => undefined;
  public edgeClosed = false;

  public readonly options: InvalidatorOptions = {
    rules: RULES,
    windowMs: 0,
    cache: {
      invalidateTags: async (...tags) => {
        this.tags.push([...tags]);
        if (this.tagError) throw this.tagError;
        return { reached: this.reached };
      },
      delete: async (keys, { strategy }) => {
        this.deleted.push(keys.map((key) => strategy.prefix + key));
        return { reached: this.reached };
      },
    },
    server: {
      scan: async (pattern, onKeys) => {
        this.scanned.push(pattern);
        if (this.keys.length > 0) await onKeys(this.keys);
        if (this.scanAnswers instanceof Error) throw this.scanAnswers;
        return this.scanAnswers;
      },
    },
    edge: {
      invalidate: async (paths, reference): Promise<readonly EdgePathOutcome[]> => {
        this.edgeCalls.push({ paths, reference });
        return paths.map((path) => ({ path, error: this.edgeError(path) }));
      },
      close: async () => {
        this.edgeClosed = true;
      },
    },
  };

  public invalidator(options: Partial<InvalidatorOptions> = {}): Invalidator {
    return new Invalidator({ ...this.options, ...options });
  }
}

const trade = (userId: string, id?: string) => ({ type: 'trade', detail: { userId }, id });

test('an event invalidates tags, keys that match, and paths at the edge', async () => {
  const tiers = new Tiers();
  const outcome = await tiers.invalidator().handle(trade('u'));
  expect(outcome).toEqual({
    duplicate: false,
    complete: true,
    parts: [
      { kind: 'tag', value: 'portfolio:u', status: 'reached' },
      { kind: 'tag', value: 'trades', status: 'reached' },
      { kind: 'pattern', value: 'api:u:*', keys: 2, status: 'reached' },
      { kind: 'edge-path', value: '/u/u*', status: 'reached' },
    ],
  });
  expect([tiers.tags, tiers.scanned, tiers.deleted]).toEqual([
    [['portfolio:u', 'trades']],
    ['api:u:*'],
    [['api:u:1', 'api:u:2']],
  ]);
});

test('events of one window are handled together, with an outcome each', async () => {
  const tiers = new Tiers();
  const invalidator = tiers.invalidator({ windowMs: 20 });
  const [one, two, close] = await Promise.all([
    invalidator.handle(trade('a')),
    invalidator.handle(trade('b')),
    invalidator.handle({ type: 'close' }),
  ]);
  expect(tiers.tags).toEqual([['portfolio:a', 'trades', 'portfolio:b', 'market']]);
  expect(tiers.edgeCalls.map(({ paths }) => paths)).toEqual([['/u/a*', '/u/b*']]);
  const tagsOf = (outcome: typeof one) =>
    outcome.parts.filter(({ kind }) => kind === 'tag').map(({ value }) => value);
  expect([one, two, close].map(tagsOf)).toEqual([
    ['portfolio:a', 'trades'],
    ['trades', 'portfolio:b'],
    ['market'],
  ]);
});

test('events of two windows are handled apart', async () => {
  const tiers = new Tiers();
  const invalidator = tiers.invalidator();
  await invalidator.handle({ type: 'close' });
  await invalidator.handle({ type: 'close' });
  expect(tiers.tags).toEqual([['market'], ['market']]);
});

test('a full batch does not wait for its window, and is sent in pieces', async () => {
  const tiers = new Tiers();
  tiers.keys = Array.from({ length: 1201 }, (_, i) => `api:${i}`);
  const ids = Array.from({ length: 1000 }, (_, i) => i);
  // The window is longer than the test may take.
  const outcome = await tiers
    .invalidator({ windowMs: 10_000 })
    .handle({ type: 'many', detail: { ids } });
  expect(tiers.tags.map((some) => some.length)).toEqual([500, 500]);
  expect(tiers.deleted.map((some) => some.length)).toEqual([500, 500, 201]);
  expect(outcome.parts).toHaveLength(1001);
  expect(outcome.parts.at(-1)).toMatchObject({ keys: 1201, status: 'reached' });
});

describe('a part that fails', () => {
  const partsOf = async (tiers: Tiers) => {
    const { parts, complete } = await tiers.invalidator().handle(trade('u'));
    return {
      complete,
      ...Object.fromEntries(parts.map(({ value, status, error }) => [value, error ?? status])),
    };
  };

  test('is deferred if the cache will repeat it', async () => {
    const tiers = new Tiers();
    tiers.reached = false;
    expect(await partsOf(tiers)).toEqual({
      complete: false,
      'portfolio:u': 'deferred',
      trades: 'deferred',
      'api:u:*': 'deferred',
      '/u/u*': 'reached',
    });
  });

  test.each<[string, (tiers: Tiers) => void, object]>([
    [
      'a scan that stopped',
      (tiers) => Object.assign(tiers, { scanAnswers: false }),
      { 'api:u:*': expect.stringContaining('before the scan was complete') },
    ],
    [
      'a scan that threw',
      (tiers) => Object.assign(tiers, { scanAnswers: new Error('oh') }),
      { 'api:u:*': 'oh' },
    ],
    [
      'tags',
      (tiers) => Object.assign(tiers, { tagError: new Error('no') }),
      { 'portfolio:u': 'no', trades: 'no' },
    ],
    ['the edge', (tiers) => Object.assign(tiers, { edgeError: () => 'busy' }), { '/u/u*': 'busy' }],
  ])('is reported, and the other parts are reached: %s', async (_, fail, expected) => {
    const tiers = new Tiers();
    fail(tiers);
    expect(await partsOf(tiers)).toEqual({
      complete: false,
      'portfolio:u': 'reached',
      trades: 'reached',
      'api:u:*': 'reached',
      '/u/u*': 'reached',
      ...expected,
    });
  });
});

describe('an event that comes twice', () => {
  test('is handled once, even while the first one is under way', async () => {
    const tiers = new Tiers();
    const invalidator = tiers.invalidator({ windowMs: 5 });
    const [first, meanwhile] = await Promise.all([
      invalidator.handle(trade('u', '1')),
      invalidator.handle(trade('u', '1')),
    ]);
    expect(meanwhile).toEqual(first);
    expect(await invalidator.handle(trade('u', '1'))).toEqual({
      duplicate: true,
      complete: true,
      parts: [],
    });
    expect(tiers.tags).toHaveLength(1);
  });

  test('is handled again if a part failed, but not if a part was only deferred', async () => {
    const tiers = new Tiers();
    const invalidator = tiers.invalidator();
    tiers.scanAnswers = false;
    await invalidator.handle(trade('u', '1'));
    tiers.scanAnswers = true;
    expect(await invalidator.handle(trade('u', '1'))).toMatchObject({
      duplicate: false,
      complete: true,
    });
    tiers.reached = false;
    expect(await invalidator.handle(trade('u', '2'))).toMatchObject({
      duplicate: false,
      complete: false,
    });
    expect(await invalidator.handle(trade('u', '2'))).toMatchObject({ duplicate: true });
  });

  test('is refused twice if it is invalid', async () => {
    const invalidator = new Tiers().invalidator();
    const wrong = () => invalidator.handle({ type: 'trade', id: '1' });
    await expect(wrong()).rejects.toThrow(IsochroneError);
    await expect(wrong()).rejects.toThrow(/userId/);
  });

  test('is handled again when its id is no longer remembered', async () => {
    const tiers = new Tiers();
    const invalidator = tiers.invalidator({ rememberedIds: 2 });
    for (const id of ['1', '2', '3']) await invalidator.handle({ type: 'close', id });
    const again = async (id: string) => (await invalidator.handle({ type: 'close', id })).duplicate;
    expect([await again('3'), await again('2'), await again('1')]).toEqual([true, true, false]);
  });

  test('has the same reference at the edge; another event has another', async () => {
    const tiers = new Tiers();
    await tiers.invalidator().handle(trade('u', '1'));
    await tiers.invalidator().handle(trade('u', '1'));
    await tiers.invalidator().handle(trade('u'));
    const [first, second, third] = tiers.edgeCalls.map(({ reference }) => reference);
    expect(second).toBe(first);
    expect(third).not.toBe(first);
  });
});

describe('handleEventBridge', () => {
  const EVENT: EventBridgeEvent = {
    id: 'e-1',
    source: 'market.orders',
    'detail-type': 'trade',
    detail: { userId: 'u' },
  };

  test('takes type and detail from the event, and handles each id once', async () => {
    const tiers = new Tiers();
    const invalidator = tiers.invalidator();
    expect(await invalidator.handleEventBridge(EVENT)).toMatchObject({
      duplicate: false,
      complete: true,
    });
    expect(await invalidator.handleEventBridge(EVENT)).toMatchObject({ duplicate: true });
    expect(tiers.scanned).toEqual(['api:u:*']);
  });

  test.each([
    [{ ...EVENT, id: undefined }, /id must be text/],
    [{ ...EVENT, 'detail-type': 5 }, /detail-type must be text/],
    [{ ...EVENT, source: '' }, /source must be text/],
    [{ ...EVENT, detail: '{}' }, /detail must be an object/],
    [undefined, /id must be text/],
  ])('refuses %j', async (event, message) => {
    await expect(new Tiers().invalidator().handleEventBridge(event as never)).rejects.toThrow(
      message,
    );
  });
});

describe('a rule', () => {
  test('is refused without the tier that it needs', () => {
    const { cache } = new Tiers().options;
    expect(() => new Invalidator({ cache, rules: [{ event: 'e', patterns: ['a*'] }] })).toThrow(
      /server must be given.*\nThe rule of e has patterns/,
    );
    expect(() => new Invalidator({ cache })).toThrow(
      /edge must be given.*\nThe rule of strategy_update has edgePaths/,
    );
    expect(() => new Invalidator({ cache, edge: false })).not.toThrow();
  });

  test('has no edge paths if something else invalidates them', async () => {
    const tiers = new Tiers();
    const { parts } = await tiers.invalidator({ edge: false }).handle(trade('u'));
    expect(parts.map(({ kind }) => kind)).toEqual(['tag', 'tag', 'pattern']);
  });

  test.each([
    [{ windowMs: -1 }, { windowMs: 10_000 }],
    [{ windowMs: 10_001 }, { windowMs: 0 }],
    [{ rememberedIds: 0.5 }, { rememberedIds: 0 }],
  ])('refuses %j and accepts %j', (wrong, right) => {
    expect(() => new Tiers().invalidator(wrong)).toThrow(/must be a whole number/);
    expect(() => new Tiers().invalidator(right)).not.toThrow();
  });
});

test('close handles collected events, closes the edge, and refuses new events', async () => {
  const tiers = new Tiers();
  const invalidator = tiers.invalidator({ windowMs: 10_000 });
  const collected = invalidator.handle(trade('u'));
  await invalidator.close();
  expect(await collected).toMatchObject({ complete: true });
  expect([tiers.tags.length, tiers.edgeClosed]).toEqual([1, true]);
  await expect(invalidator.handle(trade('u'))).rejects.toThrow(/after `close`/);
});
