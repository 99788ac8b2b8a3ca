/**
 * What a replay found, as plain data: the table, the JSON and the HTML report are made from it, and
 * so is the review of a change.
 */
import type { MissReason } from '../messages';

/**
 * A figure that depends on how much an edge location can hold, which AWS does not publish: over the
 * capacities that were replayed, the lowest and the highest.
 */
export interface Span {
  readonly low: number;
  readonly high: number;
}

/** Figures of some of the requests. */
export interface ReplaySlice {
  readonly requests: number;
  /**
   * Percent of the requests that the edge location's cache answered, followers of a collapsed fetch
   * among them.
   */
  readonly hitPercent: Span;
  /** Percent of the requests that no origin was asked for. */
  readonly offloadPercent: Span;
  readonly originRequests: Span;
  /** Bytes to viewers, as logged. */
  readonly bytes: number;
  readonly originBytes: Span;
  /** Modelled, from the first byte of the request to the last of the answer. */
  readonly latencyMs: { readonly p50: Span; readonly p95: Span; readonly p99: Span };
  readonly misses: Readonly<Record<MissReason, Span>>;
}

/** A query parameter, header or cookie by which one object became several. */
export interface KeySplitter {
  readonly kind: 'query' | 'header' | 'cookie';
  readonly name: string;
  /** The behaviour where it costs most. */
  readonly pathPattern: string;
  /** Requests that have it. */
  readonly requests: number;
  /**
   * Hits that a cache without limits loses by it, of all requests that have it: with it in the key,
   * against without.
   */
  readonly hitsLost: number;
  /**
   * Whether the replayed deployment has it in the key. If not, `hitsLost` is what its edge saves.
   */
  readonly inKey: boolean;
}

/** Two URLs that the deployment takes for one object, and that were not answered alike. */
export interface UnsafeMerge {
  readonly pathPattern: string;
  readonly key: string;
  readonly first: { readonly url: string; readonly status: number; readonly bytes: number };
  readonly second: { readonly url: string; readonly status: number; readonly bytes: number };
  /** Requests under that key. */
  readonly requests: number;
}

export interface Objective {
  readonly name: 'cacheHitPercent' | 'p95LatencyMs';
  readonly target: number;
  readonly actual: Span;
  /** By the worse end of the span. */
  readonly met: boolean;
}

export interface ReplayReport {
  readonly assembly: string;
  readonly distribution: string;
  readonly log: {
    readonly file: string;
    readonly format: string;
    /** The replayed and the broken ones; a head such as CloudFront's `#Fields` is none. */
    readonly lines: number;
    readonly replayed: number;
    readonly broken: number;
    /** The first few. */
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
  /** Sentences: what was modelled and not measured, with the assumption. */
  readonly modelled: readonly string[];
  /** Bytes that each edge location was given in each run; null for no limit. */
  readonly capacityBytes: readonly (number | null)[];
  readonly total: ReplaySlice;
  readonly behaviors: readonly (ReplaySlice & { readonly pathPattern: string })[];
  readonly continents: readonly (ReplaySlice & { readonly continent: string })[];
  readonly cells: readonly (ReplaySlice & {
    readonly pathPattern: string;
    readonly continent: string;
  })[];
  /**
   * Percent of hits of one cache without limits that never expires: by the URL as it was logged,
   * and by the deployment's key.
   */
  readonly ceiling: { readonly rawUrlHitPercent: number; readonly keyHitPercent: number };
  readonly keySplitters: readonly KeySplitter[];
  readonly unsafeMerges: readonly UnsafeMerge[];
  readonly objectives: readonly Objective[];
  /** At most some hundred points of equal length, for a plot. */
  readonly timeline: readonly {
    readonly at: string;
    readonly requests: number;
    readonly hitPercent: Span;
  }[];
  /** Edge functions that failed, with how often. */
  readonly functionErrors: readonly { readonly message: string; readonly count: number }[];
}

/** As `objectives` of the deployment file. */
export interface ReplayObjectives {
  readonly cacheHitPercent: number;
  readonly p95LatencyMs: number;
}

/** By the worse end of each span: what holds only if edge locations are large is not promised. */
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
