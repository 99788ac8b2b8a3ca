/**
 * Puts the requests of a log into the order of time. Servers log a request when it ends, and
 * several servers log beside each other.
 */
import type { LogRecord } from './record';

/**
 * Requests that are held back to be put in order. One that comes later than that is given with the
 * time of the one before it.
 */
export const ORDER_BUFFER = 10_000;

export interface Ordering {
  /** Requests before which a later one stood. */
  readonly outOfOrder: number;
  /** Those of them that came too late for the buffer. */
  readonly late: number;
}

/** Requests of the same time keep their order. */
export async function* orderedByTime(
  records: AsyncIterable<LogRecord>,
  ordering: { outOfOrder: number; late: number },
  buffer = ORDER_BUFFER,
): AsyncGenerator<LogRecord> {
  /**
   * In order from `first` on; what is before that has been given. A log is nearly in order, so most
   * requests go to the end.
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

/** Behind the last one that is not later, by halving. */
function placeAfter(sorted: readonly LogRecord[], from: number, timeMs: number): number {
  let [low, high] = [from, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] as LogRecord).timeMs <= timeMs) low = middle + 1;
    else high = middle;
  }
  return low;
}
