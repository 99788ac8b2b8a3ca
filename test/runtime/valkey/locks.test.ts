import type { LoadLock } from '../../../lib/runtime/tiered-cache/server';
import { HeldLocks, newLock } from '../../../lib/runtime/valkey/locks';

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

describe('held locks', () => {
  function holding(isStillHeld: boolean | undefined = true) {
    const renewed: LoadLock[] = [];
    const locks = new HeldLocks({
      lockTtlMs: 3_000,
      lockHoldMs: 60_000,
      renew: async (lock) => {
        renewed.push(lock);
        return isStillHeld;
      },
    });
    const lock = newLock('k');
    locks.add(lock);
    return { locks, lock, renewed };
  }

  test('are renewed every third of their time to live until they are dropped', async () => {
    const { locks, lock, renewed } = holding();
    await jest.advanceTimersByTimeAsync(3_000);
    expect(renewed).toEqual([lock, lock, lock]);
    locks.drop(lock);
    await jest.advanceTimersByTimeAsync(3_000);
    expect(renewed).toHaveLength(3);
    expect(jest.getTimerCount()).toBe(0);
  });

  test('are not renewed again once lost, but are if their state is unknown', async () => {
    const lost = holding(false);
    const unknown = holding(undefined);
    await jest.advanceTimersByTimeAsync(3_000);
    expect([lost.renewed.length, unknown.renewed.length]).toEqual([1, 3]);
    expect([lost.locks.all.length, unknown.locks.all.length]).toEqual([0, 1]);
  });

  test('are dropped after a minute if their load never ends', async () => {
    const { locks, renewed } = holding();
    await jest.advanceTimersByTimeAsync(120_000);
    expect(renewed).toHaveLength(60);
    expect(locks.all).toEqual([]);
    expect(jest.getTimerCount()).toBe(0);
  });
});

test('no two locks share a token', () => {
  expect(new Set(Array.from({ length: 1_000 }, () => newLock('k').token)).size).toBe(1_000);
});
