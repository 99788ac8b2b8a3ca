/**
 * The result of a replay as plain data: the source of its table, its JSON and HTML report, and the
 * review of a change.
 */
import type { MissReason } from '../messages';

/**
 * The lowest and the highest value of a figure over the replayed capacities. The capacity of an
 * edge location is a range, because AWS does not publish it.
 */
export interface Span {
  readonly low: number;
  readonly high: number;
}

/** Figures for a subset of the requests. */
export interface ReplaySlice {
  readonly requests: number;
  /**
   * Percentage of requests that the edge location's cache served, including those that waited for a
   * collapsed fetch.
   */
  readonly hitPercent: Span;
  /** Percentage of requests that reached no origin. */
  readonly offloadPercent: Span;
  readonly originRequests: Span;
  /** Logged bytes to viewers. */
  readonly bytes: number;
  readonly originBytes: Span;
  /** Modeled, from the first byte of the request to the last byte of the response. */
  readonly latencyMs: { readonly p50: Span; readonly p95: Span; readonly p99: Span };
  readonly misses: Readonly<Record<MissReason, Span>>;
}

/** A query parameter, header or cookie that splits one object into several. */
export interface KeySplitter {
  readonly kind: 'query' | 'header' | 'cookie';
  readonly name: string;
  /** The behavior where it costs most. */
  readonly pathPattern: string;
  /** Requests that have it. */
  readonly requests: number;
  /**
   * Hits that a cache without limits loses among those requests: with the name in the key, compared
   * to without it.
   */
  readonly hitsLost: number;
  /**
   * Whether the replayed deployment has it in the key. If not, `hitsLost` is what the deployment
   * saves.
   */
  readonly inKey: boolean;
}

/** Two URLs with the same key in the deployment, but different responses in the log. */
export interface UnsafeMerge {
  readonly pathPattern: string;
  readonly key: string;
  readonly first: { readonly url: string; readonly status: number; readonly bytes: number };
  readonly second: { readonly url: string; readonly status: number; readonly bytes: number };
  /** Requests with that key. */
  readonly requests: number;
}

/** A judged objective. */
export interface Objective {
  readonly name: 'cacheHitPercent' | 'p95LatencyMs';
  readonly target: number;
  readonly actual: Span;
  /** Judged by the worse end of the span. */
  readonly met: boolean;
}

/** The result of a replay. */
export interface ReplayReport {
  readonly assembly: string;
  readonly distribution: string;
  readonly log: {
    readonly file: string;
    readonly format: string;
    /** Replayed and broken lines, without headers such as CloudFront's `#Fields`. */
    readonly lines: number;
    readonly replayed: number;
    readonly broken: number;
    /** The first few broken lines. */
    readonly brokenExamples: readonly {
      readonly line: number;
      readonly reason: string;
      readonly text: string;
    }[];
    readonly outOfOrder: number;
    /** ISO 8601, UTC; undefined if nothing was replayed. */
    readonly from?: string;
    readonly to?: string;
  };
  /** Sentences that describe the modeled parts and their assumptions. */
  readonly modelled: readonly string[];
  /** The capacity of each edge location in bytes, for each run; null for no limit. */
  readonly capacityBytes: readonly (number | null)[];
  readonly total: ReplaySlice;
  readonly behaviors: readonly (ReplaySlice & { readonly pathPattern: string })[];
  readonly continents: readonly (ReplaySlice & { readonly continent: string })[];
  readonly cells: readonly (ReplaySlice & {
    readonly pathPattern: string;
    readonly continent: string;
  })[];
  /**
   * Hit rates of one cache without limits or expiry, in percent: keyed by the logged URL, and by
   * the deployment's key.
   */
  readonly ceiling: { readonly rawUrlHitPercent: number; readonly keyHitPercent: number };
  readonly keySplitters: readonly KeySplitter[];
  readonly unsafeMerges: readonly UnsafeMerge[];
  readonly objectives: readonly Objective[];
  /** At most a hundred points with equal intervals, for a plot. */
  readonly timeline: readonly {
    readonly at: string;
    readonly requests: number;
    readonly hitPercent: Span;
  }[];
  /** Messages of edge functions that failed, with their counts. */
  readonly functionErrors: readonly { readonly message: string; readonly count: number }[];
}

/** The `objectives` of the deployment file. */
export interface ReplayObjectives {
  readonly cacheHitPercent: number;
  readonly p95LatencyMs: number;
}

/**
 * Judges a replay by the worse end of each span, because an objective must not depend on the
 * capacity of edge locations.
 */
export function judge(
  { cacheHitPercent, p95LatencyMs }: ReplayObjectives,
  { hitPercent, latencyMs }: ReplaySlice,
): Objective[] {
  return [
    {
      name: 'cacheHitPercent',
      target: cacheHitPercent,
      actual: hitPercent,
      met: hitPercent.low >= cacheHitPercent,
    },
    {
      name: 'p95LatencyMs',
      target: p95LatencyMs,
      actual: latencyMs.p95,
      met: latencyMs.p95.high <= p95LatencyMs,
    },
  ];
}
