/** Counts the outcomes of requests, by behavior and continent and over time, for each capacity. */
import type { Continent } from '../../../model/aws';
import { MISS_REASONS, type MissReason } from '../messages';
import type { ReplayReport, ReplaySlice, Span } from './report';

/** The outcomes of a cell's requests in one run. */
interface RunCounts {
  hits: number;
  /** Requests that reached an origin. */
  fetching: number;
  originRequests: number;
  originBytes: number;
  readonly latency: Histogram;
  readonly misses: Record<MissReason, number>;
}

export interface Cell {
  readonly pathPattern: string;
  readonly continent: Continent;
  requests: number;
  bytes: number;
  readonly runs: readonly RunCounts[];
}

export interface Tally {
  cell(pathPattern: string, continent: Continent): Cell;
  report(): Pick<ReplayReport, 'total' | 'behaviors' | 'continents' | 'cells'>;
}

/**
 * @param runs the number of capacities
 * @param pathPatterns in the order of the report
 */
export function replayTally(runs: number, pathPatterns: readonly string[]): Tally {
  const cells = new Map<string, Cell>();
  return {
    cell(pathPattern, continent) {
      const name = `${continent} ${pathPattern}`;
      const found = cells.get(name) ?? {
        pathPattern,
        continent,
        requests: 0,
        bytes: 0,
        runs: Array.from({ length: runs }, emptyCounts),
      };
      cells.set(name, found);
      return found;
    },
    report() {
      const all = [...cells.values()].sort(
        (a, b) =>
          pathPatterns.indexOf(a.pathPattern) - pathPatterns.indexOf(b.pathPattern) ||
          (a.continent < b.continent ? -1 : 1),
      );
      const names = <Name extends 'pathPattern' | 'continent'>(name: Name) => [
        ...new Set(all.map((cell) => cell[name])),
      ];
      return {
        total: sliceOf(all, runs),
        behaviors: names('pathPattern').map((pathPattern) => ({
          pathPattern,
          ...sliceOf(
            all.filter((cell) => cell.pathPattern === pathPattern),
            runs,
          ),
        })),
        continents: names('continent')
          .sort()
          .map((continent) => ({
            continent,
            ...sliceOf(
              all.filter((cell) => cell.continent === continent),
              runs,
            ),
          })),
        cells: all.map((cell) => ({
          pathPattern: cell.pathPattern,
          continent: cell.continent,
          ...sliceOf([cell], runs),
        })),
      };
    },
  };
}

/** The lowest and the highest value over the capacities. */
function span(values: readonly number[]): Span {
  return { low: Math.min(...values), high: Math.max(...values) };
}

export function percentOf(part: number, whole: number): number {
  return whole === 0 ? 0 : (100 * part) / whole;
}

function emptyCounts(): RunCounts {
  return {
    hits: 0,
    fetching: 0,
    originRequests: 0,
    originBytes: 0,
    latency: histogram(),
    misses: byReason(() => 0),
  };
}

function byReason<T>(of: (reason: MissReason) => T): Record<MissReason, T> {
  return Object.fromEntries(MISS_REASONS.map((reason) => [reason, of(reason)])) as Record<
    MissReason,
    T
  >;
}

function sliceOf(cells: readonly Cell[], runs: number): ReplaySlice {
  const requests = sum(cells, (cell) => cell.requests);
  const merged = Array.from({ length: runs }, (_, run): RunCounts => {
    const counts = cells.map((cell) => cell.runs[run] as RunCounts);
    const latency = histogram();
    for (const each of counts) latency.merge(each.latency);
    return {
      hits: sum(counts, ({ hits }) => hits),
      fetching: sum(counts, ({ fetching }) => fetching),
      originRequests: sum(counts, ({ originRequests }) => originRequests),
      originBytes: sum(counts, ({ originBytes }) => originBytes),
      latency,
      misses: byReason((reason) => sum(counts, ({ misses }) => misses[reason])),
    };
  });
  const spanOf = (of: (run: RunCounts) => number) => span(merged.map(of));
  return {
    requests,
    hitPercent: spanOf(({ hits }) => percentOf(hits, requests)),
    offloadPercent: spanOf(({ fetching }) => percentOf(requests - fetching, requests)),
    originRequests: spanOf(({ originRequests }) => originRequests),
    bytes: sum(cells, ({ bytes }) => bytes),
    originBytes: spanOf(({ originBytes }) => originBytes),
    latencyMs: {
      p50: spanOf(({ latency }) => latency.percentile(50)),
      p95: spanOf(({ latency }) => latency.percentile(95)),
      p99: spanOf(({ latency }) => latency.percentile(99)),
    },
    misses: byReason((reason) => spanOf(({ misses }) => misses[reason])),
  };
}

function sum<Item>(items: readonly Item[], of: (item: Item) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}

const MAX_POINTS = 100;
const FIRST_LENGTH_MS = 1000;

interface Point {
  requests: number;
  readonly hits: number[];
}

export interface Timeline {
  request(timeMs: number): void;
  /** @param timeMs when the request arrived, not when it was served */
  hit(timeMs: number, run: number): void;
  report(): ReplayReport['timeline'];
}

/**
 * Counts requests and hits over time. When the points run out, it merges each pair of neighbors.
 *
 * @param runs the number of capacities
 */
export function replayTimeline(runs: number): Timeline {
  const empty = (): Point => ({ requests: 0, hits: Array.from({ length: runs }, () => 0) });
  let points: Point[] = [];
  let lengthMs = FIRST_LENGTH_MS;
  let startMs: number | undefined;

  const halve = () => {
    points = Array.from({ length: Math.ceil(points.length / 2) }, (_, i) => {
      const [a, b] = [points[2 * i] as Point, points[2 * i + 1] ?? empty()];
      return {
        requests: a.requests + b.requests,
        hits: a.hits.map((hits, run) => hits + (b.hits[run] ?? 0)),
      };
    });
    lengthMs *= 2;
  };
  const at = (timeMs: number): Point => {
    startMs ??= timeMs;
    while (timeMs - startMs >= MAX_POINTS * lengthMs) halve();
    const index = Math.floor((timeMs - startMs) / lengthMs);
    while (points.length <= index) points.push(empty());
    return points[index] as Point;
  };

  return {
    request(timeMs) {
      at(timeMs).requests++;
    },
    hit(timeMs, run) {
      const { hits } = at(timeMs);
      hits[run] = (hits[run] ?? 0) + 1;
    },
    report: () =>
      points.map(({ requests, hits }, i) => ({
        at: new Date((startMs ?? 0) + i * lengthMs).toISOString(),
        requests,
        hitPercent: span(hits.map((count) => percentOf(count, requests))),
      })),
  };
}

/**
 * A histogram of durations. Buckets grow by two percent, so a percentile is within one percent of
 * the true value.
 */
export interface Histogram {
  add(ms: number): void;
  /** Adds the durations of another histogram. */
  merge(other: Histogram): void;
  /** 0 if the histogram is empty. */
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
