import fc from 'fast-check';
import type { ServerRead } from '../../../lib/runtime/tiered-cache/server';
import { BatchedRead, ReadBatcher } from '../../../lib/runtime/valkey/batch';

function read(
  value: [ReadBatcher, string],
  tags: readonly [ReadBatcher, string][] = [],
  lock?: [ReadBatcher, string],
): Promise<ServerRead> {
  return new Promise((resolve) => {
    const one = new BatchedRead(resolve);
    one.value = value[0].add(value[1], one);
    if (lock !== undefined) one.lock = lock[0].add(lock[1], one);
    for (const [batcher, name] of tags) one.tags.push(batcher.add(name, one));
  });
}

/**
 * A server that holds `value of x` at every name x but those that begin with a dash, and counts
 * what it is asked.
 */
function server(): { batcher: ReadBatcher; asked: string[][] } {
  const asked: string[][] = [];
  const batcher = new ReadBatcher(async (names) => {
    asked.push([...names]);
    return names.map((name) => (name.startsWith('-') ? null : Buffer.from(`value of ${name}`)));
  });
  return { batcher, asked };
}

test('reads of one turn are one question with each name once', async () => {
  const { batcher, asked } = server();
  const first = Promise.all([
    read([batcher, 'a'], [[batcher, 't']], [batcher, '-lock']),
    read(
      [batcher, 'b'],
      [
        [batcher, 't'],
        [batcher, '-u'],
      ],
    ),
    read([batcher, 'a']),
    // Asked in the continuation of a promise of the same turn.
    Promise.resolve().then(() => read([batcher, '-c'])),
  ]);
  expect(await first).toEqual([
    {
      status: 'answered',
      bytes: Buffer.from('value of a'),
      tagVersions: ['value of t'],
      locked: false,
    },
    {
      status: 'answered',
      bytes: Buffer.from('value of b'),
      tagVersions: ['value of t', null],
      locked: false,
    },
    { status: 'answered', bytes: Buffer.from('value of a'), tagVersions: [], locked: false },
    { status: 'answered', bytes: null, tagVersions: [], locked: false },
  ]);
  expect(asked).toEqual([['a', '-lock', 't', 'b', '-u', '-c']]);
  await read([batcher, 'a']);
  expect(asked).toHaveLength(2);
});

test('a question carries 64 names at most, and a read may span two', async () => {
  const { batcher, asked } = server();
  const reads = await Promise.all(
    Array.from({ length: 600 }, (_, at) =>
      read([batcher, `k${at}`], [[batcher, `t${at}`]], [batcher, `l${at}`]),
    ),
  );
  expect(asked.map((names) => names.length)).toEqual([...Array.from({ length: 28 }, () => 64), 8]);
  expect(reads[21]).toEqual({
    status: 'answered',
    bytes: Buffer.from('value of k21'),
    tagVersions: ['value of t21'],
    locked: true,
  });
});

test('a read is unavailable if a server of any of its names is, and does not wait for one it does not need', async () => {
  const { batcher } = server();
  const away = new ReadBatcher(async () => undefined);
  const broken = new ReadBatcher(() => Promise.reject(new Error('broken')));
  const hangs = new ReadBatcher(() => new Promise(() => {}));
  void read([hangs, 'x']);
  expect(await read([away, 'a'])).toEqual({ status: 'unavailable' });
  expect(await read([broken, 'a'])).toEqual({ status: 'unavailable' });
  expect(await read([batcher, 'a'], [[away, 't']])).toEqual({ status: 'unavailable' });
  expect(await read([batcher, 'a'], [], [away, 'l'])).toEqual({ status: 'unavailable' });
  expect((await read([batcher, 'a'], [[batcher, 't']])).status).toBe('answered');
});

test('whatever is asked together, each read gets what it asked for', async () => {
  const name = fc.stringMatching(/^-?[a-e]$/);
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ key: name, tags: fc.array(name, { maxLength: 4 }), lock: name }), {
        maxLength: 40,
      }),
      async (wanted) => {
        const servers = [server(), server()] as const;
        const at = (text: string): [ReadBatcher, string] => [
          servers[text.charCodeAt(text.length - 1) % 2 === 0 ? 0 : 1].batcher,
          text,
        ];
        const stored = (text: string) => (text.startsWith('-') ? null : `value of ${text}`);
        const reads = await Promise.all(
          wanted.map(({ key, tags, lock }) => read(at(key), tags.map(at), at(lock))),
        );
        expect(
          reads.map(
            (one) => one.status === 'answered' && { ...one, bytes: one.bytes?.toString() ?? null },
          ),
        ).toEqual(
          wanted.map(({ key, tags, lock }) => ({
            status: 'answered',
            bytes: stored(key),
            tagVersions: tags.map(stored),
            locked: stored(lock) !== null,
          })),
        );
        for (const { asked } of servers) expect(asked.length).toBeLessThanOrEqual(1);
      },
    ),
  );
});
