/** What `withTimeLimit` answers when the time is up. */
export const TIMED_OUT: unique symbol = Symbol('timed out');

/**
 * Waits for a promise, but no longer than a time limit. The work itself goes on: pass it an
 * AbortSignal of your own to end it. A rejection that comes after the limit is swallowed.
 *
 * @param milliseconds the limit; 0 or less answers at once unless the promise is settled already
 * @returns what the promise resolves to, or TIMED_OUT
 * @throws what the promise rejects with in time
 */
export async function withTimeLimit<T>(
  milliseconds: number,
  promise: Promise<T>,
): Promise<T | typeof TIMED_OUT> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<typeof TIMED_OUT>((resolve) => {
    timer = setTimeout(resolve, Math.max(0, milliseconds), TIMED_OUT);
  });
  // Promise.race listens to both, so a late rejection is never an unhandled one.
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
