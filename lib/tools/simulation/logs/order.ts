/**
 * Sorts the requests of a log by time. Servers log a request when it ends, and several servers may
 * write to one log.
 */
import type { LogRecord } from './record';

/**
 * How many requests are buffered for sorting. A request that arrives later than that gets the time
 * of the request before it.
 */
export const ORDER_BUFFER = 10_000;

export interface Ordering {
  /** Requests that followed a later one. */
  readonly outOfOrder: number;
  /** Those of them that were too late for the buffer. */
  readonly late: number;
}

/**
 * Sorts by time. Requests of the same time keep their order.
 *
 * @param ordering counts are added here
 * @param buffer how many requests are buffered
 */
export async function* orderedByTime(
  records: AsyncIterable<LogRecord>,
  ordering: { outOfOrder: number; late: number },
  buffer = ORDER_BUFFER,
): AsyncGenerator<LogRecord> {
  /**
   * Sorted from index `first`; earlier elements were yielded. A log is nearly sorted, so most
   * requests are appended.
   */
  let waiting: LogRecord[] = [];
  let first = 0;
  let clock = Number.NEGATIVE_INFINITY;
  const onTime = (record: LogRecord): LogRecord => {
    if (record.timeMs < clock) {
      ordering.late++;
      return { ...record, timeMs: clock };
    }
    clock = record.timeMs;
    return record;
  };
  let latest = Number.NEGATIVE_INFINITY;
  for await (const record of records) {
    if (record.timeMs >= latest) {
      latest = record.timeMs;
      waiting.push(record);
    } else {
      ordering.outOfOrder++;
      waiting.splice(placeAfter(waiting, first, record.timeMs), 0, record);
    }
    if (waiting.length - first > buffer) yield onTime(waiting[first++] as LogRecord);
    if (first > buffer) {
      waiting = waiting.slice(first);
      first = 0;
    }
  }
  while (first < waiting.length) yield onTime(waiting[first++] as LogRecord);
}

/** The index after the last element that is not later, by binary search. */
function placeAfter(sorted: readonly LogRecord[], from: number, timeMs: number): number {
  let [low, high] = [from, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] as LogRecord).timeMs <= timeMs) low = middle + 1;
    else high = middle;
  }
  return low;
}
