/** Puts the requests of a log into the order of time. Servers log a request when it ends, and several servers log beside each other. */
import type { LogRecord } from './log-record';
import { type Heap, heap } from './replay-heap';

/** Requests that are held back to be put in order. One that comes later than that is given with the time of the one before it. */
export const ORDER_BUFFER = 10_000;

export interface Ordering {
  /** Requests before which a later one stood. */
  readonly outOfOrder: number;
  /** Those of them that came too late for the buffer. */
  readonly late: number;
}

interface Waiting {
  readonly record: LogRecord;
  readonly place: number;
}

/** Requests of the same time keep their order. */
export async function* orderedByTime(
  records: AsyncIterable<LogRecord>,
  ordering: { outOfOrder: number; late: number },
  buffer = ORDER_BUFFER,
): AsyncGenerator<LogRecord> {
  const waiting = heap<Waiting>((a, b) => a.record.timeMs - b.record.timeMs || a.place - b.place);
  let latest = Number.NEGATIVE_INFINITY;
  let clock = Number.NEGATIVE_INFINITY;
  let place = 0;
  const next = (from: Heap<Waiting>): LogRecord => {
    const { record } = from.pop() as Waiting;
    if (record.timeMs < clock) {
      ordering.late++;
      return { ...record, timeMs: clock };
    }
    clock = record.timeMs;
    return record;
  };
  for await (const record of records) {
    if (record.timeMs < latest) ordering.outOfOrder++;
    latest = Math.max(latest, record.timeMs);
    waiting.push({ record, place: place++ });
    if (waiting.size() > buffer) yield next(waiting);
  }
  while (waiting.size() > 0) yield next(waiting);
}
