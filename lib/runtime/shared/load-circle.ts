import { AsyncLocalStorage } from 'node:async_hooks';
import { describeValue, IsochroneError } from '../../model/errors';

/**
 * One load of one key, as far as it matters to what its loader waits for. Loads that end before
 * their loader is called are never entered.
 */
export interface Load {
  /** What keeps keys apart: two caches may use one key for two values. */
  readonly cache: object;
  readonly key: string;
  /** The loads whose loaders wait for this one. Undefined if none does. */
  waiters: Load[] | undefined;
  /** Whether the loader has ended: from then on, it waits for nothing. */
  ended: boolean;
}

/** The load to whose loader the running code belongs. All caches of a process share it. */
const running = new AsyncLocalStorage<Load>();
let loaders = 0;

/** @param waiter the load that waits for it, as `waitingLoad` returned it */
export function newLoad(cache: object, key: string, waiter: Load | undefined): Load {
  return { cache, key, waiters: waiter && [waiter], ended: false };
}

/** @param waiter the load that waits for it too, as `waitingLoad` returned it */
export function addWaiter(load: Load, waiter: Load | undefined): void {
  if (waiter === undefined) return;
  load.waiters ??= [];
  load.waiters.push(waiter);
}

/**
 * The load that waits for a key from now on: the one to whose loader the caller belongs. Undefined
 * outside of loaders.
 *
 * @param owner the class that is called, for the message
 * @throws IsochroneError if the wait would never end, with the keys of the circle
 */
export function waitingLoad(owner: string, cache: object, key: string): Load | undefined {
  if (loaders === 0) return undefined;
  const load = running.getStore();
  if (load === undefined || load.ended) return undefined;
  refuseCircle(owner, load, cache, key);
  return load;
}

/** Calls a loader, so that what it calls knows the load. */
export async function runLoader<T>(load: Load, loader: () => Promise<T> | T): Promise<T> {
  loaders++;
  try {
    return await running.run(load, loader);
  } finally {
    load.ended = true;
    loaders--;
    // Until Node 22, an enabled storage costs every promise of the process, in and out of loaders.
    if (loaders === 0) running.disable();
  }
}

/** Refuses if the caller's load, or one that waits for it, loads the key. */
function refuseCircle(owner: string, caller: Load, cache: object, key: string): void {
  // Each load that was reached, with the one that it waits for.
  const reached = new Map<Load, Load | undefined>([[caller, undefined]]);
  for (const load of reached.keys()) {
    if (load.cache === cache && load.key === key) {
      const keys: string[] = [];
      for (let at: Load | undefined = load; at !== undefined; at = reached.get(at))
        keys.push(at.key);
      throw new IsochroneError(
        `${owner}: a loader must not wait for its own result, ` +
          `got ${[...keys, key].map(describeValue).join(' → ')}.\n` +
          'Each of these loads would wait for the next one, and none would end. ' +
          'Load what they share in a function that both loaders call.',
      );
    }
    for (const waiter of load.waiters ?? [])
      if (!waiter.ended && !reached.has(waiter)) reached.set(waiter, load);
  }
}
