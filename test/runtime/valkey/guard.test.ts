import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import {
  CacheDeadlineError,
  type CacheErrorKind,
  cacheErrorKind,
  isServerThere,
} from '../../../lib/runtime/valkey/error-kinds';
import { beforeDeadline, CacheGuard } from '../../../lib/runtime/valkey/guard';

const ECHO =
  "require('net').createServer((s) => s.on('data', (d) => s.write(d))).listen(0, '127.0.0.1', function () { console.log(this.address().port) })";

const never = () => new Promise<never>(() => {});
const refuse = (message: string) => () => Promise.reject(new Error(message));
const answer = () => Promise.resolve('answer');

interface Case {
  guard: CacheGuard;
  kinds: CacheErrorKind[];
  changes: boolean[];
  /** What the next probes do; without one they succeed. */
  probes: (() => Promise<void>)[];
  probed: () => number;
}

function guarded(): Case {
  const kinds: CacheErrorKind[] = [];
  const changes: boolean[] = [];
  const probes: (() => Promise<void>)[] = [];
  let probed = 0;
  const guard = new CacheGuard({
    breakAfter: 3,
    probeIntervalMs: 500,
    probe: async () => {
      probed++;
      await probes.shift()?.();
    },
    onError: (kind) => kinds.push(kind),
    onChange: (closed) => changes.push(closed),
  });
  return { guard, kinds, changes, probes, probed: () => probed };
}

async function broken(): Promise<Case> {
  const all = guarded();
  for (let at = 0; at < 3; at++) await all.guard.run(refuse('Connection is closed.'), 50);
  return all;
}

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

describe('a deadline', () => {
  test('ends a wait at its time, and not before', async () => {
    const { guard, kinds } = guarded();
    let answered: unknown;
    void guard.run(never, 50).then((value) => {
      answered = value;
    });
    await jest.advanceTimersByTimeAsync(49);
    expect(answered).toBeUndefined();
    await jest.advanceTimersByTimeAsync(1);
    // And the turn that the timer gives the sockets.
    await jest.advanceTimersByTimeAsync(1);
    expect(answered).toEqual({ ok: false, kind: 'timeout' });
    expect(kinds).toEqual(['timeout']);
  });

  test('hands what comes too late to whoever cleans up', async () => {
    const late: string[] = [];
    const waiting = beforeDeadline(
      () => new Promise<string>((resolve) => setTimeout(() => resolve('lock'), 80)),
      50,
      (value) => late.push(value),
    );
    const failed = expect(waiting).rejects.toBeInstanceOf(CacheDeadlineError);
    await jest.advanceTimersByTimeAsync(60);
    await failed;
    expect(late).toEqual([]);
    await jest.advanceTimersByTimeAsync(30);
    expect(late).toEqual(['lock']);
  });

  test('lets an answer count that arrived while this process was busy', async () => {
    jest.useRealTimers();
    // An echo in another process: its answer waits in the kernel while this one is busy.
    const echo = spawn(process.execPath, ['-e', ECHO]);
    const port = Number(
      await new Promise<string>((resolve) =>
        echo.stdout.once('data', (data) => resolve(String(data))),
      ),
    );
    const socket = connect(port, '127.0.0.1');
    await new Promise((resolve) => socket.once('connect', resolve));
    try {
      const reply = beforeDeadline(
        () =>
          new Promise<string>((resolve) =>
            socket.once('data', (data) => resolve(String(data))).write('ping'),
          ),
        50,
      );
      const until = Date.now() + 300;
      await new Promise((resolve) => setImmediate(resolve));
      while (Date.now() < until);
      await expect(reply).resolves.toBe('ping');
    } finally {
      socket.destroy();
      echo.kill('SIGKILL');
    }
  });
});

describe('the breaker', () => {
  test('counts what one pause fails together as one failure', async () => {
    const { guard, kinds, changes } = guarded();
    for (let at = 0; at < 10; at++) {
      void guard.run(never, 50);
      await jest.advanceTimersByTimeAsync(1);
    }
    await jest.advanceTimersByTimeAsync(100);
    expect(kinds).toHaveLength(10);
    expect(guard.available).toBe(true);
    expect(changes).toEqual([]);
    for (let at = 0; at < 2; at++) {
      void guard.run(never, 50);
      await jest.advanceTimersByTimeAsync(100);
    }
    expect(guard.available).toBe(false);
  });

  test('opens after three failures in a row and then sends nothing', async () => {
    const { guard, changes } = await broken();
    const send = jest.fn(answer);
    expect(await guard.run(send, 50)).toEqual({ ok: false, kind: 'open' });
    expect(send).not.toHaveBeenCalled();
    expect(guard.available).toBe(false);
    expect(changes).toEqual([false]);
  });

  test('stays closed after two failures and a success', async () => {
    const { guard } = guarded();
    for (let at = 0; at < 2; at++) await guard.run(refuse('Connection is closed.'), 50);
    await guard.run(answer, 50);
    for (let at = 0; at < 2; at++) await guard.run(refuse('Connection is closed.'), 50);
    expect(guard.available).toBe(true);
  });

  test('opens when more than half of twenty batches failed, though never three in a row', async () => {
    const { guard } = guarded();
    for (let at = 0; at < 30 && guard.available; at++)
      await guard.run(at % 3 === 2 ? answer : refuse('Connection is closed.'), 50);
    expect(guard.available).toBe(false);
  });

  test.each([
    ['OOM command not allowed', 'full'],
    ["READONLY You can't write against a read only replica.", 'readonly'],
    ['WRONGTYPE Operation against a key', 'wrongtype'],
    ['NOPERM this user has no permissions', 'denied'],
  ])('stays closed for an error of one command: %s', async (message, kind) => {
    const { guard, kinds } = guarded();
    for (let at = 0; at < 30; at++)
      expect(await guard.run(refuse(message), 50)).toEqual({ ok: false, kind });
    expect(guard.available).toBe(true);
    expect(kinds).toHaveLength(30);
  });

  test('probes every half second, one at a time, and closes when the server is there', async () => {
    const { guard, changes, probes, probed } = await broken();
    probes.push(refuse('Connection is closed.'), refuse('LOADING Redis is loading'));
    await jest.advanceTimersByTimeAsync(499);
    expect(probed()).toBe(0);
    await jest.advanceTimersByTimeAsync(1);
    expect(probed()).toBe(1);
    expect(guard.available).toBe(false);
    await jest.advanceTimersByTimeAsync(500);
    expect([probed(), guard.available]).toEqual([2, false]);
    await jest.advanceTimersByTimeAsync(500);
    expect([probed(), guard.available]).toEqual([3, true]);
    expect(changes.filter((closed) => closed)).toEqual([true]);
    expect(await guard.run(answer, 50)).toEqual({ ok: true, value: 'answer' });
    await jest.advanceTimersByTimeAsync(5_000);
    expect(probed()).toBe(3);
  });

  test('probes at once when asked, and answers others at once while it does', async () => {
    const { guard, probes, probed } = await broken();
    let finish = () => {};
    probes.push(() => new Promise<void>((resolve) => (finish = resolve)));
    const probing = guard.probe();
    void guard.probe();
    expect(await guard.run(answer, 50)).toEqual({ ok: false, kind: 'open' });
    finish();
    await probing;
    expect([probed(), guard.available]).toEqual([1, true]);
  });

  test('does nothing any more when it is closed for good', async () => {
    const { guard, probed } = await broken();
    guard.close();
    await jest.advanceTimersByTimeAsync(5_000);
    expect(probed()).toBe(0);
    expect(await guard.run(answer, 50)).toEqual({ ok: false, kind: 'open' });
    expect(jest.getTimerCount()).toBe(0);
  });
});

test.each<[string, CacheErrorKind, boolean]>([
  ['NOAUTH Authentication required.', 'auth', false],
  ['WRONGPASS invalid username-password pair or user is disabled.', 'auth', false],
  ['Ready check failed: NOAUTH Authentication required.', 'auth', false],
  ['LOADING Redis is loading the dataset in memory', 'loading', false],
  ['CLUSTERDOWN Hash slot not served', 'cluster', false],
  ['Too many Cluster redirections. Last error: Error: x', 'cluster', false],
  ['BUSY Redis is busy running a script.', 'busy', false],
  ['ERR max number of clients reached', 'limit', false],
  ["OOM command not allowed when used memory > 'maxmemory'.", 'full', true],
  ['MISCONF Errors writing to the AOF file', 'full', true],
  ["READONLY You can't write against a read only replica.", 'readonly', true],
  ['WRONGTYPE Operation against a key holding the wrong kind of value', 'wrongtype', true],
  ["Stream isn't writeable and enableOfflineQueue options is false", 'connection', false],
  ['Connection is closed.', 'connection', false],
  ['connect ETIMEDOUT', 'timeout', false],
  ['ERR something new', 'other', false],
])('an error of the server is sorted by its code: %s', (message, kind, isThere) => {
  expect(cacheErrorKind(new Error(message))).toBe(kind);
  expect(isServerThere(kind)).toBe(isThere);
});

test('an error of the network is sorted by its code', () => {
  expect(cacheErrorKind(Object.assign(new Error('getaddrinfo'), { code: 'ENOTFOUND' }))).toBe(
    'connection',
  );
});
