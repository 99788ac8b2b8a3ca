import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { beforeDeadline, CircuitBreaker } from '../../../lib/runtime/valkey/circuit-breaker';
import { CacheDeadlineError, type CacheErrorKind } from '../../../lib/runtime/valkey/errors';

/** A server that sends back what it receives, and prints its port. */
const ECHO =
  "require('net').createServer((s) => s.on('data', (d) => s.write(d)))" +
  ".listen(0, '127.0.0.1', function () { console.log(this.address().port) })";

const never = () => new Promise<never>(() => {});
const refuse = (message: string) => () => Promise.reject(new Error(message));
const answer = () => Promise.resolve('answer');

interface Case {
  breaker: CircuitBreaker;
  kinds: CacheErrorKind[];
  changes: boolean[];
  /** What the next probes do. When it is empty, probes succeed. */
  probes: (() => Promise<void>)[];
  probed: () => number;
}

function newBreaker(): Case {
  const kinds: CacheErrorKind[] = [];
  const changes: boolean[] = [];
  const probes: (() => Promise<void>)[] = [];
  let probed = 0;
  const breaker = new CircuitBreaker({
    breakAfter: 3,
    probeIntervalMs: 500,
    probe: async () => {
      probed++;
      await probes.shift()?.();
    },
    onError: (kind) => kinds.push(kind),
    onChange: (closed) => changes.push(closed),
  });
  return { breaker, kinds, changes, probes, probed: () => probed };
}

async function openBreaker(): Promise<Case> {
  const all = newBreaker();
  for (let at = 0; at < 3; at++) await all.breaker.run(refuse('Connection is closed.'), 50);
  return all;
}

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

describe('a deadline', () => {
  test('ends a wait on time, and not before', async () => {
    const { breaker, kinds } = newBreaker();
    let answered: unknown;
    void breaker.run(never, 50).then((value) => {
      answered = value;
    });
    await jest.advanceTimersByTimeAsync(49);
    expect(answered).toBeUndefined();
    await jest.advanceTimersByTimeAsync(1);
    // The timer gives the sockets one more turn.
    await jest.advanceTimersByTimeAsync(1);
    expect(answered).toEqual({ ok: false, kind: 'timeout' });
    expect(kinds).toEqual(['timeout']);
  });

  test('passes a late answer to the clean-up', async () => {
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

  test('accepts an answer that arrived while this process was busy', async () => {
    jest.useRealTimers();
    // The echo runs in another process: its answer waits in the kernel while this one is busy.
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

describe('the circuit breaker', () => {
  test('counts failures during one pause of the server as one', async () => {
    const { breaker, kinds, changes } = newBreaker();
    for (let at = 0; at < 10; at++) {
      void breaker.run(never, 50);
      await jest.advanceTimersByTimeAsync(1);
    }
    await jest.advanceTimersByTimeAsync(100);
    expect(kinds).toHaveLength(10);
    expect(breaker.available).toBe(true);
    expect(changes).toEqual([]);
    for (let at = 0; at < 2; at++) {
      void breaker.run(never, 50);
      await jest.advanceTimersByTimeAsync(100);
    }
    expect(breaker.available).toBe(false);
  });

  test('opens after three consecutive failures, and then sends nothing', async () => {
    const { breaker, changes } = await openBreaker();
    const send = jest.fn(answer);
    expect(await breaker.run(send, 50)).toEqual({ ok: false, kind: 'open' });
    expect(send).not.toHaveBeenCalled();
    expect(breaker.available).toBe(false);
    expect(changes).toEqual([false]);
  });

  test('stays closed after two failures and a success', async () => {
    const { breaker } = newBreaker();
    for (let at = 0; at < 2; at++) await breaker.run(refuse('Connection is closed.'), 50);
    await breaker.run(answer, 50);
    for (let at = 0; at < 2; at++) await breaker.run(refuse('Connection is closed.'), 50);
    expect(breaker.available).toBe(true);
  });

  test('opens when more than half of twenty batches failed, without three in a row', async () => {
    const { breaker } = newBreaker();
    for (let at = 0; at < 30 && breaker.available; at++)
      await breaker.run(at % 3 === 2 ? answer : refuse('Connection is closed.'), 50);
    expect(breaker.available).toBe(false);
  });

  test.each([
    ['OOM command not allowed', 'full'],
    ["READONLY You can't write against a read only replica.", 'readonly'],
    ['WRONGTYPE Operation against a key', 'wrongtype'],
    ['NOPERM this user has no permissions', 'denied'],
  ])('stays closed for an error that concerns one command: %s', async (message, kind) => {
    const { breaker, kinds } = newBreaker();
    for (let at = 0; at < 30; at++)
      expect(await breaker.run(refuse(message), 50)).toEqual({ ok: false, kind });
    expect(breaker.available).toBe(true);
    expect(kinds).toHaveLength(30);
  });

  test('probes every half second, one at a time, and closes when the server is back', async () => {
    const { breaker, changes, probes, probed } = await openBreaker();
    probes.push(refuse('Connection is closed.'), refuse('LOADING Redis is loading'));
    await jest.advanceTimersByTimeAsync(499);
    expect(probed()).toBe(0);
    await jest.advanceTimersByTimeAsync(1);
    expect(probed()).toBe(1);
    expect(breaker.available).toBe(false);
    await jest.advanceTimersByTimeAsync(500);
    expect([probed(), breaker.available]).toEqual([2, false]);
    await jest.advanceTimersByTimeAsync(500);
    expect([probed(), breaker.available]).toEqual([3, true]);
    expect(changes.filter((closed) => closed)).toEqual([true]);
    expect(await breaker.run(answer, 50)).toEqual({ ok: true, value: 'answer' });
    await jest.advanceTimersByTimeAsync(5_000);
    expect(probed()).toBe(3);
  });

  test('probes at once on request, and meanwhile answers sends at once', async () => {
    const { breaker, probes, probed } = await openBreaker();
    let finish = () => {};
    probes.push(() => new Promise<void>((resolve) => (finish = resolve)));
    const probing = breaker.probe();
    void breaker.probe();
    expect(await breaker.run(answer, 50)).toEqual({ ok: false, kind: 'open' });
    finish();
    await probing;
    expect([probed(), breaker.available]).toEqual([1, true]);
  });

  test('neither probes nor sends after close', async () => {
    const { breaker, probed } = await openBreaker();
    breaker.close();
    await jest.advanceTimersByTimeAsync(5_000);
    expect(probed()).toBe(0);
    expect(await breaker.run(answer, 50)).toEqual({ ok: false, kind: 'open' });
    expect(jest.getTimerCount()).toBe(0);
  });
});
