/**
 * Durations in buckets that grow by two percent, so that a percentile is within one percent of the
 * true one whatever the number.
 */
export interface Histogram {
  add(ms: number): void;
  /** Adds all that is in another one. */
  merge(other: Histogram): void;
  /** 0 if there is nothing in it. */
  percentile(percent: number): number;
  buckets(): Iterable<readonly [bucket: number, count: number]>;
}

const LOG_GROWTH = Math.log(1.02);

export function histogram(): Histogram {
  const counts = new Map<number, number>();
  let total = 0;
  const put = (bucket: number, count: number) => {
    counts.set(bucket, (counts.get(bucket) ?? 0) + count);
    total += count;
  };
  return {
    add: (ms) => put(Math.round(Math.log(Math.max(ms, 1)) / LOG_GROWTH), 1),
    merge(other) {
      for (const [bucket, count] of other.buckets()) put(bucket, count);
    },
    percentile(percent) {
      let left = Math.ceil((total * percent) / 100);
      for (const [bucket, count] of [...counts].sort(([a], [b]) => a - b)) {
        left -= count;
        if (left <= 0) return Math.exp(bucket * LOG_GROWTH);
      }
      return 0;
    },
    buckets: () => counts,
  };
}
