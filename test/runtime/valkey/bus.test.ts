import type { BusMessage } from '../../../lib/runtime/tiered-cache/server';
import { type BusTransport, CacheBus } from '../../../lib/runtime/valkey/bus';

/** A server of messages that can be cut off, or go deaf without a word. */
class Exchange implements BusTransport {
  public readonly said: [string, string][] = [];
  public isDeaf = false;
  public refuses = false;
  public subscriptions = 0;
  private readonly listeners = new Map<
    object,
    {
      channels: readonly string[];
      hear: (channel: string, text: string) => void;
      ended: () => void;
    }
  >();

  public subscribe(
    channels: readonly string[],
    on: {
      subscribed: () => void;
      hear: (channel: string, text: string) => void;
      ended: () => void;
    },
  ) {
    const id = {};
    this.subscriptions++;
    if (this.refuses) setTimeout(on.ended, 1);
    else {
      this.listeners.set(id, { channels, ...on });
      setTimeout(on.subscribed, 1);
    }
    return { end: () => void this.listeners.delete(id) };
  }

  public async publish(channel: string, text: string): Promise<boolean> {
    if (this.refuses) return false;
    this.said.push([channel, text]);
    if (this.isDeaf) return true;
    for (const { channels, hear } of [...this.listeners.values()])
      if (channels.includes(channel)) hear(channel, text);
    return true;
  }

  public get messages(): Record<string, unknown>[] {
    return this.said
      .filter(([channel]) => channel === 'bus')
      .map(([, text]) => JSON.parse(text) as Record<string, unknown>);
  }

  public cut(): void {
    for (const [id, { ended }] of [...this.listeners]) {
      this.listeners.delete(id);
      ended();
    }
  }

  public get open(): number {
    return this.listeners.size;
  }
}

function member(exchange: Exchange, hears = true) {
  const bus = new CacheBus(exchange, { channel: 'bus', heartbeatMs: 500, hears });
  const heard: BusMessage[] = [];
  const changes: boolean[] = [];
  bus.onMessage((message) => heard.push(message));
  bus.onChange((alive) => changes.push(alive));
  return { bus, heard, changes };
}

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

test('a message reaches the others and not the one who sent it', async () => {
  const exchange = new Exchange();
  const [a, b] = [member(exchange), member(exchange)];
  await jest.advanceTimersByTimeAsync(10);
  const told = Promise.all([
    a.bus.tell({ keys: ['k'] }),
    a.bus.tell({ tags: ['t'], loaded: ['l'] }),
  ]);
  await jest.advanceTimersByTimeAsync(1);
  expect(await told).toEqual([true, true]);
  expect(b.heard).toEqual([{ keys: ['k'], tags: ['t'], loaded: ['l'] }]);
  expect(a.heard).toEqual([]);
});

test('it is alive as soon as it hears itself, and stays so', async () => {
  const { bus, changes } = member(new Exchange());
  expect(bus.alive).toBe(false);
  await jest.advanceTimersByTimeAsync(10);
  expect(bus.alive).toBe(true);
  await jest.advanceTimersByTimeAsync(60_000);
  expect(changes).toEqual([true]);
});

test('silence is noticed after three beats, and a new connection heals it', async () => {
  const exchange = new Exchange();
  const { bus, changes } = member(exchange);
  await jest.advanceTimersByTimeAsync(10);
  exchange.isDeaf = true;
  await jest.advanceTimersByTimeAsync(1_500);
  expect(bus.alive).toBe(true);
  await jest.advanceTimersByTimeAsync(500);
  expect(bus.alive).toBe(false);
  exchange.isDeaf = false;
  await jest.advanceTimersByTimeAsync(1_000);
  expect(changes).toEqual([true, false, true]);
  expect(exchange.subscriptions).toBe(2);
  expect(exchange.open).toBe(1);
});

test('a pause of the process is not taken for silence', async () => {
  const { changes } = member(new Exchange());
  await jest.advanceTimersByTimeAsync(10);
  jest.setSystemTime(Date.now() + 60_000);
  await jest.advanceTimersByTimeAsync(3_000);
  expect(changes).toEqual([true]);
});

test('a broken connection is noticed at once and made again, sooner at first than later', async () => {
  const exchange = new Exchange();
  const { bus, changes } = member(exchange);
  await jest.advanceTimersByTimeAsync(10);
  exchange.refuses = true;
  exchange.cut();
  expect(bus.alive).toBe(false);
  await jest.advanceTimersByTimeAsync(10_000);
  // 250 to 500 ms between attempts once the server stays away.
  expect(exchange.subscriptions).toBeGreaterThan(18);
  expect(exchange.subscriptions).toBeLessThan(50);
  exchange.refuses = false;
  await jest.advanceTimersByTimeAsync(600);
  expect(changes).toEqual([true, false, true]);
});

test('who cannot be told is reported', async () => {
  const exchange = new Exchange();
  const { bus } = member(exchange);
  exchange.refuses = true;
  const told = bus.tell({ keys: ['k'] });
  await jest.advanceTimersByTimeAsync(1);
  expect(await told).toBe(false);
});

test('many names are told in several messages', async () => {
  const exchange = new Exchange();
  const [a, b] = [member(exchange), member(exchange)];
  await jest.advanceTimersByTimeAsync(10);
  const keys = Array.from({ length: 1_200 }, (_, at) => `k${at}`);
  void a.bus.tell({ keys, tags: ['t'] });
  await jest.advanceTimersByTimeAsync(1);
  expect(
    exchange.messages.map((message) => (message.keys as string[] | undefined)?.length ?? 0),
  ).toEqual([500, 500, 200, 0]);
  expect(b.heard.flatMap((message) => message.keys)).toEqual(keys);
  expect(b.heard.flatMap(({ tags }) => tags)).toEqual(['t']);
});

test('a reset tells the others to rely on nothing of before', async () => {
  const exchange = new Exchange();
  const [a, b] = [member(exchange), member(exchange)];
  await jest.advanceTimersByTimeAsync(10);
  await a.bus.reset();
  expect(a.changes).toEqual([true]);
  expect(b.changes).toEqual([true, false, true]);
  expect(b.heard).toEqual([]);
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
])('what is no message is not heard: %j', async (text) => {
  const exchange = new Exchange();
  const { heard, changes } = member(exchange);
  await jest.advanceTimersByTimeAsync(10);
  await exchange.publish('bus', text);
  await exchange.publish('bus', '{"from":"x","keys":["k"],"unknown":1}');
  expect(heard).toEqual([{ keys: ['k'], tags: [], loaded: [] }]);
  expect(changes).toEqual([true]);
});

test('a renewed connection misses nothing', async () => {
  const exchange = new Exchange();
  const [a, b] = [member(exchange), member(exchange)];
  await jest.advanceTimersByTimeAsync(10);
  b.bus.renew();
  void a.bus.tell({ keys: ['before'] });
  await jest.advanceTimersByTimeAsync(10);
  void a.bus.tell({ keys: ['after'] });
  await jest.advanceTimersByTimeAsync(10);
  expect(new Set(b.heard.flatMap(({ keys }) => keys))).toEqual(new Set(['before', 'after']));
  expect(exchange.open).toBe(2);
  expect(b.changes).toEqual([true]);
  exchange.cut();
  expect(b.bus.alive).toBe(false);
});

test('without hearing it still tells', async () => {
  const exchange = new Exchange();
  const [a, b] = [member(exchange, false), member(exchange)];
  await jest.advanceTimersByTimeAsync(10);
  void a.bus.tell({ keys: ['k'] });
  await jest.advanceTimersByTimeAsync(1_000);
  expect(b.heard).toHaveLength(1);
  expect(a.bus.alive).toBe(false);
  expect(exchange.subscriptions).toBe(1);
});

test('closed, it is not alive, tells nothing and leaves no timer', async () => {
  const exchange = new Exchange();
  const { bus, changes } = member(exchange);
  await jest.advanceTimersByTimeAsync(10);
  bus.close();
  expect(changes).toEqual([true, false]);
  expect(await bus.tell({ keys: ['k'] })).toBe(false);
  expect([exchange.open, jest.getTimerCount()]).toEqual([0, 0]);
});
