import { Random } from './random';

/** What generated requests of many users found. */
export interface Isolation {
  readonly requests: number;
  /** Requests that were answered from the cache: without many of them, the check says nothing. */
  readonly hits: number;
  readonly bypasses: number;
  /** Answers that were made for another user or tenant, or that contain text of another request. */
  readonly leaks: number;
  /** The first leaks, as text. */
  readonly examples: readonly string[];
}

/** What callers pass by mistake in the place of a name. */
export const MISTAKES: readonly ((name: string) => unknown)[] = [
  async (name) => name,
  (name) => new Map([['tenant', name]]),
  (name) => new Set([name]),
  (name) => ({ toString: () => name }),
  (name) => [name],
  (name) => Object(name),
  (name) => `${name}\ud800`,
  () => null,
  () => 7,
  () => '',
];

/**
 * Sends requests of concurrent callers, so that loads are shared; now and then, something is
 * invalidated.
 *
 * @param result counts the requests
 * @param progress receives the number of requests sent so far
 */
export async function sendAll(
  { seed, requests, callers }: { seed: number; requests: number; callers: number },
  result: { requests: number },
  progress: (sent: number) => void,
  call: (random: Random) => Promise<void>,
  invalidate: (random: Random) => Promise<unknown>,
): Promise<void> {
  const caller = async (number: number): Promise<void> => {
    const random = new Random(seed * 1000 + number);
    while (result.requests < requests) {
      if (++result.requests % 10_000 === 0) progress(result.requests);
      await call(random);
      if (random.chance(0.0005)) await invalidate(random);
    }
  };
  await Promise.all(Array.from({ length: callers }, (_, i) => caller(i)));
}
