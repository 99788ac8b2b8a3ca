import { Duration, Token } from 'aws-cdk-lib';
import { type HasPath, invalidValue } from '../../model/errors';

/**
 * Service objectives, which are the thresholds of the alarms. Figures without a source are this
 * project's own.
 */
export interface Objectives {
  /**
   * 95th percentile of the response time of a region's targets, measured at its load balancer.
   *
   * The objective for viewers is 50 ms, but most of their responses come from the edge; an origin
   * may take longer.
   *
   * @default Duration.millis(100)
   */
  readonly p95Latency?: Duration;
  /**
   * 95th percentile of the time from CloudFront's request to the origin's first byte, network
   * included.
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
   * CPU of fleets, databases and cache engines, in percent. Keep it above the scaling target of the
   * fleet (70 by default), at which target tracking holds CPU on purpose.
   *
   * @default 80
   */
  readonly cpuPercent?: number;
  /**
   * How far replicas of the database and of the cache may be behind their primary.
   *
   * @default Duration.seconds(30)
   */
  readonly replicaLag?: Duration;
  /**
   * Keys that a cache node may evict per minute, for a quarter of an hour. A full cache evicts by
   * design; a cache that keeps evicting does not hold the working set.
   *
   * @default 1000
   */
  readonly evictionsPerMinute?: number;
}

/**
 * Completes the objectives with their defaults.
 *
 * @throws IsochroneError if a percentage is not between 0 and 100, or a duration or a count is not
 * above 0
 */
export function checkedObjectives(at: HasPath, objectives: Objectives = {}): Required<Objectives> {
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

function percentage(at: HasPath, property: keyof Objectives, value: number): number {
  if (!Token.isUnresolved(value) && !(value > 0 && value < 100)) {
    throw invalidValue(at, {
      property: `objectives.${property}`,
      value,
      allowed: 'above 0 and below 100',
      rule: 'An objective of 0 or 100 percent is never met or always met.',
      fix: 'Give percent, not a fraction: 0.5 is half a percent.',
    });
  }
  return value;
}

function positiveDuration(at: HasPath, property: keyof Objectives, value: Duration): Duration {
  if (!value.isUnresolved() && value.toMilliseconds() === 0) {
    throw invalidValue(at, {
      property: `objectives.${property}`,
      value: value.toString(),
      allowed: 'longer than 0',
      rule: 'Every response and every replication takes time.',
      fix: `Remove \`${property}\` for its default, or give a longer objective.`,
    });
  }
  return value;
}

function positive(at: HasPath, property: keyof Objectives, value: number): number {
  if (!Token.isUnresolved(value) && !(value > 0 && Number.isFinite(value))) {
    throw invalidValue(at, {
      property: `objectives.${property}`,
      value,
      allowed: 'a number above 0',
      rule: 'A full cache evicts keys by design.',
      fix: `Remove \`${property}\` for its default.`,
    });
  }
  return value;
}
