/**
 * Requests and hits over time, in at most a hundred points whatever the log's length: when they run
 * out, two become one.
 */
import type { ReplayReport } from './report';
import { percentOf, span } from './tally';

const MAX_POINTS = 100;
const FIRST_LENGTH_MS = 1000;

interface Point {
  requests: number;
  readonly hits: number[];
}

export interface Timeline {
  request(timeMs: number): void;
  /** @param timeMs when the request came, not when it was answered */
  hit(timeMs: number, run: number): void;
  report(): ReplayReport['timeline'];
}

/** @param runs how many capacities there are */
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
