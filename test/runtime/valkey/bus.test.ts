import * as fc from 'fast-check';
import type { BusMessage } from '../../../lib/runtime/tiered-cache/server';
import { type BusSubscriber, type BusTransport, CacheBus } from '../../../lib/runtime/valkey/bus';

/** A pub/sub server that can break connections, refuse them, or silently drop messages. */
class Exchange implements BusTransport {
  public readonly published: [string, string][] = [];
  /** Messages are accepted, but not delivered. */
  public isDropping = false;
  public refuses = false;
  public subscriptions = 0;
  private readonly subscribers = new Map<object, BusSubscriber & { channels: readonly string[] }>();

  public subscribe(channels: readonly string[], subscriber: BusSubscriber) {
    const id = {};
    this.subscriptions++;
    if (this.refuses) setTimeout(subscriber.onEnd, 1);
    else {
      this.subscribers.set(id, { channels, ...subscriber });
      setTimeout(subscriber.onSubscribed, 1);
    }
    return { end: () => void this.subscribers.delete(id) };
  }

  public async publish(channel: string, text: string): Promise<boolean> {
    if (this.refuses) return false;
    this.published.push([channel, text]);
    if (this.isDropping) return true;
    for (const { channels, onMessage } of [...this.subscribers.values()])
      if (channels.includes(channel)) onMessage(channel, text);
    return true;
  }

  public get messages(): Record<string, unknown>[] {
    return this.published
      .filter(([channel]) => channel === 'bus')
      .map(([, text]) => JSON.parse(text) as Record<string, unknown>);
  }

  public cut(): void {
    for (const [id, { onEnd }] of [...this.subscribers]) {
      this.subscribers.delete(id);
      onEnd();
    }
  }

  public get open(): number {
    return this.subscribers.size;
  }
}

function member(exchange: Exchange, subscribes = true) {
  const bus = new CacheBus(exchange, { channel: 'bus', heartbeatMs: 500, subscribes });
  const received: BusMessage[] = [];
  const changes: boolean[] = [];
  bus.onMessage((message) => received.push(message));
  bus.onChange((alive) => changes.push(alive));
  return { bus, received, changes };
}

/** A member that has received its first heartbeat. */
async function connectedMember() {
  const exchange = new Exchange();
  const connected = { exchange, ...member(exchange) };
  await jest.advanceTimersByTimeAsync(10);
  return connected;
}

/** Two members that have received their first heartbeats. */
async function connectedPair() {
  const exchange = new Exchange();
  const connected = { exchange, a: member(exchange), b: member(exchange) };
  await jest.advanceTimersByTimeAsync(10);
  return connected;
}

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

test('a message reaches the other processes, and not its sender', async () => {
  const { a, b } = await connectedPair();
  const told = Promise.all([
    a.bus.tell({ keys: ['k'] }),
    a.bus.tell({ tags: ['t'], loaded: ['l'] }),
  ]);
  await jest.advanceTimersByTimeAsync(1);
  expect(await told).toEqual([true, true]);
  expect(b.received).toEqual([{ keys: ['k'], tags: ['t'], loaded: ['l'] }]);
  expect(a.received).toEqual([]);
});

test('it is alive from its first heartbeat, and stays alive', async () => {
  const { bus, changes } = member(new Exchange());
  expect(bus.alive).toBe(false);
  await jest.advanceTimersByTimeAsync(10);
  expect(bus.alive).toBe(true);
  await jest.advanceTimersByTimeAsync(60_000);
  expect(changes).toEqual([true]);
});

test('it is lost after three missed heartbeats, and a new connection restores it', async () => {
  const { exchange, bus, changes } = await connectedMember();
  exchange.isDropping = true;
  await jest.advanceTimersByTimeAsync(1_500);
  expect(bus.alive).toBe(true);
  await jest.advanceTimersByTimeAsync(500);
  expect(bus.alive).toBe(false);
  exchange.isDropping = false;
  await jest.advanceTimersByTimeAsync(1_000);
  expect(changes).toEqual([true, false, true]);
  expect(exchange.subscriptions).toBe(2);
  expect(exchange.open).toBe(1);
});

test('a pause of the process does not count as a loss', async () => {
  const { changes } = member(new Exchange());
  await jest.advanceTimersByTimeAsync(10);
  jest.setSystemTime(Date.now() + 60_000);
  await jest.advanceTimersByTimeAsync(3_000);
  expect(changes).toEqual([true]);
});

test('a broken connection is noticed at once, and reconnects with growing pauses', async () => {
  const { exchange, bus, changes } = await connectedMember();
  exchange.refuses = true;
  exchange.cut();
  expect(bus.alive).toBe(false);
  await jest.advanceTimersByTimeAsync(10_000);
  // There are 250 to 500 ms between attempts once the server stays unavailable.
  expect(exchange.subscriptions).toBeGreaterThan(18);
  expect(exchange.subscriptions).toBeLessThan(50);
  exchange.refuses = false;
  await jest.advanceTimersByTimeAsync(600);
  expect(changes).toEqual([true, false, true]);
});

test('tell resolves to false if the server does not accept the message', async () => {
  const exchange = new Exchange();
  const { bus } = member(exchange);
  exchange.refuses = true;
  const told = bus.tell({ keys: ['k'] });
  await jest.advanceTimersByTimeAsync(1);
  expect(await told).toBe(false);
});

test('many names are split into several messages', async () => {
  const { exchange, a, b } = await connectedPair();
  const keys = Array.from({ length: 1_200 }, (_, at) => `k${at}`);
  void a.bus.tell({ keys, tags: ['t'] });
  await jest.advanceTimersByTimeAsync(1);
  expect(
    exchange.messages.map((message) => (message.keys as string[] | undefined)?.length ?? 0),
  ).toEqual([500, 500, 200, 0]);
  expect(b.received.flatMap((message) => message.keys)).toEqual(keys);
  expect(b.received.flatMap(({ tags }) => tags)).toEqual(['t']);
});

test('a reset makes the other processes distrust everything from before', async () => {
  const { a, b } = await connectedPair();
  await a.bus.reset();
  expect(a.changes).toEqual([true]);
  expect(b.changes).toEqual([true, false, true]);
  expect(b.received).toEqual([]);
});

test.each([
  '',
  'no JSON',
  'null',
  '[]',
  '{}',
  '{"from":1}',
  '{"from":"x","keys":"k"}',
  '{"from":"x","tags":[1]}',
])('a malformed message is ignored: %j', async (text) => {
  const exchange = new Exchange();
  const { received, changes } = member(exchange);
  await jest.advanceTimersByTimeAsync(10);
  await exchange.publish('bus', text);
  await exchange.publish('bus', '{"from":"x","keys":["k"],"unknown":1}');
  expect(received).toEqual([{ keys: ['k'], tags: [], loaded: [] }]);
  expect(changes).toEqual([true]);
});

test('a renewed connection misses nothing', async () => {
  const { exchange, a, b } = await connectedPair();
  b.bus.renew();
  void a.bus.tell({ keys: ['before'] });
  await jest.advanceTimersByTimeAsync(10);
  void a.bus.tell({ keys: ['after'] });
  await jest.advanceTimersByTimeAsync(10);
  expect(new Set(b.received.flatMap(({ keys }) => keys))).toEqual(new Set(['before', 'after']));
  expect(exchange.open).toBe(2);
  expect(b.changes).toEqual([true]);
  exchange.cut();
  expect(b.bus.alive).toBe(false);
});

test('it sends without subscribing', async () => {
  const exchange = new Exchange();
  const [a, b] = [member(exchange, false), member(exchange)];
  await jest.advanceTimersByTimeAsync(10);
  void a.bus.tell({ keys: ['k'] });
  await jest.advanceTimersByTimeAsync(1_000);
  expect(b.received).toHaveLength(1);
  expect(a.bus.alive).toBe(false);
  expect(exchange.subscriptions).toBe(1);
});

test('after close it is not alive, sends nothing and leaves no timer', async () => {
  const { exchange, bus, changes } = await connectedMember();
  bus.close();
  expect(changes).toEqual([true, false]);
  expect(await bus.tell({ keys: ['k'] })).toBe(false);
  expect([exchange.open, jest.getTimerCount()]).toEqual([0, 0]);
});

describe('forged messages', () => {
  const name = fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor', '\ud800'));
  const anything = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.json(),
    fc
      .record({
        from: fc.oneof(name, fc.anything()),
        keys: fc.oneof(fc.array(name), fc.anything()),
        tags: fc.oneof(fc.array(name), fc.anything()),
        loaded: fc.oneof(fc.array(name), fc.anything()),
        reset: fc.anything(),
      })
      .map((payload) => {
        try {
          return JSON.stringify(payload);
        } catch {
          return String(payload);
        }
      }),
  );

  test('are ignored unless they have the form of one, and the bus goes on', async () => {
    const { exchange, bus, received } = await connectedMember();
    await fc.assert(
      fc.asyncProperty(anything, async (text) => {
        received.length = 0;
        await exchange.publish('bus', text);
        for (const message of received)
          for (const list of Object.values(message))
            expect(list.every((each: unknown) => typeof each === 'string')).toBe(true);
      }),
    );
    await exchange.publish('bus', `${'['.repeat(100_000)}`);
    received.length = 0;
    await exchange.publish('bus', JSON.stringify({ from: 'other', keys: ['k'] }));
    expect(received).toEqual([{ keys: ['k'], tags: [], loaded: [] }]);
    bus.close();
  });

  test('with more names than any bus sends, are a reset', async () => {
    const { exchange, bus, received, changes } = await connectedMember();
    const names = (count: number) => Array.from({ length: count }, (_, i) => `k${i}`);
    await exchange.publish('bus', JSON.stringify({ from: 'other', keys: names(500) }));
    expect([received.length, changes]).toEqual([1, [true]]);
    await exchange.publish('bus', JSON.stringify({ from: 'other', keys: names(501) }));
    await exchange.publish(
      'bus',
      JSON.stringify({ from: 'other', keys: names(300), tags: names(300) }),
    );
    expect([received.length, changes]).toEqual([1, [true, false, true, false, true]]);
    bus.close();
  });
});
