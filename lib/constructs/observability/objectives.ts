import { Duration, Token } from 'aws-cdk-lib';
import { invalidValue, type Placed } from '../../model/errors';

/**
 * What the system promises, and so where its alarms begin. The figures without another source are
 * this project's own.
 */
export interface Objectives {
  /**
   * 95th percentile of the time in which a region's targets answer, seen from its load balancer.
   *
   * Viewers are promised 50 ms, but most of their answers come from the edge; an origin may take
   * longer.
   *
   * @default Duration.millis(100)
   */
  readonly p95Latency?: Duration;
  /**
   * 95th percentile of the time from CloudFront's request to the origin's first byte, the way
   * between them included.
   *
   * @default Duration.millis(200)
   */
  readonly originP95Latency?: Duration;
  /**
   * Share of viewer requests that the edge answers from its caches, in percent.
   *
   * @default 90
   */
  readonly cacheHitRatePercent?: number;
  /**
   * Share of requests that may end with a 5xx status, in percent.
   *
   * @default 0.5
   */
  readonly errorRatePercent?: number;
  /**
   * Use of the processors of fleets, databases and cache engines, in percent. Keep it above the
   * scaling target of the fleet (70 by default), where target tracking holds the use on purpose.
   *
   * @default 80
   */
  readonly cpuPercent?: number;
  /**
   * How far the replicas of the database and of the cache may be behind their primary.
   *
   * @default Duration.seconds(30)
   */
  readonly replicaLag?: Duration;
  /**
   * Keys that a cache node may evict per minute, for a quarter of an hour. A cache that is full
   * evicts by design; one that evicts without end does not hold the working set.
   *
   * @default 1000
   */
  readonly evictionsPerMinute?: number;
}

/**
 * The objectives with their defaults.
 *
 * @throws IsochroneError if a percentage is not between 0 and 100, or a duration or a count not
 * above 0
 */
export function checkedObjectives(at: Placed, objectives: Objectives = {}): Required<Objectives> {
  return {
    p95Latency: positiveDuration(at, 'p95Latency', objectives.p95Latency ?? Duration.millis(100)),
    originP95Latency: positiveDuration(
      at,
      'originP95Latency',
      objectives.originP95Latency ?? Duration.millis(200),
    ),
    cacheHitRatePercent: percentage(
      at,
      'cacheHitRatePercent',
      objectives.cacheHitRatePercent ?? 90,
    ),
    errorRatePercent: percentage(at, 'errorRatePercent', objectives.errorRatePercent ?? 0.5),
    cpuPercent: percentage(at, 'cpuPercent', objectives.cpuPercent ?? 80),
    replicaLag: positiveDuration(at, 'replicaLag', objectives.replicaLag ?? Duration.seconds(30)),
    evictionsPerMinute: positive(at, 'evictionsPerMinute', objectives.evictionsPerMinute ?? 1000),
  };
}

function percentage(at: Placed, property: keyof Objectives, value: number): number {
  if (!Token.isUnresolved(value) && !(value > 0 && value < 100)) {
    throw invalidValue(at, {
      property: `objectives.${property}`,
      value,
      allowed: 'above 0 and below 100',
      rule: 'At 0 or 100 percent its alarm would always ring or never.',
      fix: 'Give percent, not a fraction: 0.5 is half a percent.',
    });
  }
  return value;
}

function positiveDuration(at: Placed, property: keyof Objectives, value: Duration): Duration {
  if (!value.isUnresolved() && value.toMilliseconds() === 0) {
    throw invalidValue(at, {
      property: `objectives.${property}`,
      value: value.toString(),
      allowed: 'longer than 0',
      rule: 'No system answers or follows in no time: its alarm would always ring.',
      fix: `Leave \`${property}\` out for its default, or give what you promise.`,
    });
  }
  return value;
}

function positive(at: Placed, property: keyof Objectives, value: number): number {
  if (!Token.isUnresolved(value) && !(value > 0 && Number.isFinite(value))) {
    throw invalidValue(at, {
      property: `objectives.${property}`,
      value,
      allowed: 'a number above 0',
      rule: 'At 0 its alarm would ring for every cache that is full, which caches are by design.',
      fix: `Leave \`${property}\` out for its default.`,
    });
  }
  return value;
}
