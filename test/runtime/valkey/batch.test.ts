import fc from 'fast-check';
import type { ServerRead } from '../../../lib/runtime/tiered-cache/server';
import { BatchedRead, ReadBatcher } from '../../../lib/runtime/valkey/batch';

function read(
  value: [ReadBatcher, string],
  tags: readonly [ReadBatcher, string][] = [],
  lock?: [ReadBatcher, string],
): Promise<ServerRead> {
  return new Promise((resolve) => {
    const batched = new BatchedRead(resolve);
    batched.value = value[0].add(value[1], batched);
    if (lock !== undefined) batched.lock = lock[0].add(lock[1], batched);
    for (const [batcher, name] of tags) batched.tags.push(batcher.add(name, batched));
  });
}

/**
 * A server that holds `value of x` under every name x, except names that begin with a dash. It
 * records the names of each command.
 */
function server(): { batcher: ReadBatcher; commands: string[][] } {
  const commands: string[][] = [];
  const batcher = new ReadBatcher(async (names, done) => {
    commands.push([...names]);
    await Promise.resolve();
    done(names.map((name) => (name.startsWith('-') ? null : Buffer.from(`value of ${name}`))));
  });
  return { batcher, commands };
}

test('reads of one turn are one command that names each key once', async () => {
  const { batcher, commands } = server();
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
    // Requested in the continuation of a promise of the same turn.
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
  expect(commands).toEqual([['a', '-lock', 't', 'b', '-u', '-c']]);
  await read([batcher, 'a']);
  expect(commands).toHaveLength(2);
});

test('a command has at most 128 names, and a read may span two commands', async () => {
  const { batcher, commands } = server();
  const reads = await Promise.all(
    Array.from({ length: 600 }, (_, at) =>
      read([batcher, `k${at}`], [[batcher, `t${at}`]], [batcher, `l${at}`]),
    ),
  );
  expect(commands.map((names) => names.length)).toEqual([
    ...Array.from({ length: 14 }, () => 128),
    8,
  ]);
  expect(reads[42]).toEqual({
    status: 'answered',
    bytes: Buffer.from('value of k42'),
    tagVersions: ['value of t42'],
    locked: true,
  });
});

test('a read is unavailable if any of its servers is, and waits for no other server', async () => {
  const { batcher } = server();
  const unavailable = new ReadBatcher((_, done) => done(undefined));
  const hangs = new ReadBatcher(() => undefined);
  void read([hangs, 'x']);
  expect(await read([unavailable, 'a'])).toEqual({ status: 'unavailable' });
  expect(await read([batcher, 'a'], [[unavailable, 't']])).toEqual({ status: 'unavailable' });
  expect(await read([batcher, 'a'], [], [unavailable, 'l'])).toEqual({ status: 'unavailable' });
  expect((await read([batcher, 'a'], [[batcher, 't']])).status).toBe('answered');
});

test('each read gets its own values, whatever is requested together', async () => {
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
        for (const { commands } of servers) expect(commands.length).toBeLessThanOrEqual(1);
      },
    ),
  );
});
