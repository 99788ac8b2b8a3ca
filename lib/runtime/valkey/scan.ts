import type { Redis } from 'iovalkey';

/** Keys that one step of a walk looks at: some 0.1 ms of the server's time. */
const STEP = 500;

/**
 * Walks the names on one server that match a pattern, a page at a time. A name may come twice, and
 * one that is made or removed meanwhile may or may not come: that is how SCAN works.
 *
 * @returns false if the server did not answer a step
 */
export async function scanServer(
  server: Redis,
  pattern: string,
  ask: <T>(command: () => Promise<T>) => Promise<T | undefined>,
  onPage: (names: readonly string[]) => Promise<void>,
): Promise<boolean> {
  let cursor = '0';
  do {
    const from = cursor;
    const step = await ask(() => server.scan(from, 'MATCH', pattern, 'COUNT', STEP));
    if (step === undefined) return false;
    const [next, names] = step;
    if (names.length > 0) await onPage(names);
    cursor = next;
  } while (cursor !== '0');
  return true;
}
