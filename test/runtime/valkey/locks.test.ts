import type { LoadLock } from '../../../lib/runtime/tiered-cache/server';
import { CacheCredentials } from '../../../lib/runtime/valkey/credentials';
import { CacheLocks } from '../../../lib/runtime/valkey/locks';

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

describe('locks', () => {
  function holding(answer: boolean | undefined = true) {
    const renewed: LoadLock[] = [];
    const locks = new CacheLocks({
      lockTtlMs: 3_000,
      lockHoldMs: 60_000,
      renew: async (lock) => {
        renewed.push(lock);
        return answer;
      },
    });
    const lock = locks.make('k');
    locks.hold(lock);
    return { locks, lock, renewed };
  }

  test('are renewed every third of their life until they are dropped', async () => {
    const { locks, lock, renewed } = holding();
    await jest.advanceTimersByTimeAsync(3_000);
    expect(renewed).toEqual([lock, lock, lock]);
    locks.drop(lock);
    await jest.advanceTimersByTimeAsync(3_000);
    expect(renewed).toHaveLength(3);
    expect(jest.getTimerCount()).toBe(0);
  });

  test('that are lost are not renewed again; of those nobody knows about, it is tried', async () => {
    const lost = holding(false);
    const unknown = holding(undefined);
    await jest.advanceTimersByTimeAsync(3_000);
    expect([lost.renewed.length, unknown.renewed.length]).toEqual([1, 3]);
    expect([lost.locks.all.length, unknown.locks.all.length]).toEqual([0, 1]);
  });

  test('of a load that never ends are given up after a minute', async () => {
    const { locks, renewed } = holding();
    await jest.advanceTimersByTimeAsync(120_000);
    expect(renewed).toHaveLength(60);
    expect(locks.all).toEqual([]);
    expect(jest.getTimerCount()).toBe(0);
  });

  test('never share a token', () => {
    const { locks } = holding();
    expect(new Set(Array.from({ length: 1_000 }, () => locks.make('k').token)).size).toBe(1_000);
  });
});

describe('passwords', () => {
  function source(password: string | (() => string | Promise<string>)) {
    const errors: unknown[] = [];
    const renewals: (string | undefined)[] = [];
    const credentials: CacheCredentials = new CacheCredentials({
      password,
      passwordRefreshMs: 600_000,
      onError: (error) => errors.push(error),
      onRenewed: () => renewals.push(credentials.current),
    });
    return { credentials, errors, renewals };
  }

  test('that are given stay as they are', async () => {
    const { credentials, renewals } = source('secret');
    await credentials.refresh();
    await jest.advanceTimersByTimeAsync(3_600_000);
    expect([credentials.current, credentials.changing, renewals.length]).toEqual([
      'secret',
      false,
      0,
    ]);
  });

  test('of a source are asked for again every ten minutes, and only once at a time', async () => {
    let asked = 0;
    const { credentials, renewals } = source(async () => `token ${++asked}`);
    await Promise.all([credentials.refresh(), credentials.refresh()]);
    expect(credentials.current).toBe('token 1');
    await jest.advanceTimersByTimeAsync(1_800_000);
    expect(renewals).toEqual(['token 1', 'token 2', 'token 3', 'token 4']);
    credentials.close();
    await jest.advanceTimersByTimeAsync(1_800_000);
    expect([asked, jest.getTimerCount()]).toEqual([4, 0]);
  });

  test('of a source that fails stay the last, and it is asked again after two seconds', async () => {
    const answers = ['first', undefined, undefined, 'second'];
    const { credentials, errors } = source(async () => {
      const answer = answers.shift();
      if (answer === undefined) throw new Error('no credentials');
      return answer;
    });
    await credentials.refresh();
    await jest.advanceTimersByTimeAsync(600_000);
    expect([credentials.current, errors.length]).toEqual(['first', 1]);
    await jest.advanceTimersByTimeAsync(2_000);
    expect([credentials.current, errors.length]).toEqual(['first', 2]);
    await jest.advanceTimersByTimeAsync(2_000);
    expect([credentials.current, errors.length]).toEqual(['second', 2]);
  });
});
