import type { Redis } from 'iovalkey';

/** Keys that the server looks at in one step: about 0.1 ms of its time. */
const STEP_KEYS = 500;

/**
 * Scans the names on one server that match a pattern, a page at a time. A name may be returned
 * twice, and a name that is added or removed during the scan may or may not be returned ("SCAN",
 * "Scan guarantees", Valkey's command reference).
 *
 * @param ask sends a command; its result is undefined if the server did not answer
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
    const step = await ask(() => server.scan(from, 'MATCH', pattern, 'COUNT', STEP_KEYS));
    if (step === undefined) return false;
    const [next, names] = step;
    if (names.length > 0) await onPage(names);
    cursor = next;
  } while (cursor !== '0');
  return true;
}
