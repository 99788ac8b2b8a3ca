/** The effect of a change on real traffic: one log, replayed over both assemblies. */
import type { Assembly } from '../assembly';
import {
  type Limits,
  type ReplayObjectives,
  type ReplayReport,
  type ReplaySlice,
  readDistribution,
  replay,
  type Span,
} from '../simulation';

export interface TrafficFigure {
  readonly name: 'hit rate' | 'offload' | 'origin requests' | 'origin bytes' | 'p95 latency';
  readonly unit: '%' | 'requests' | 'bytes' | 'ms';
  readonly before: Span;
  readonly after: Span;
  /**
   * `better` or `worse` only if both ends of the span move the same way; within the width of the
   * span, the model cannot tell.
   */
  readonly verdict: 'better' | 'worse' | 'same';
}

export interface TrafficSlice {
  /** `all`, a path pattern or a continent. */
  readonly name: string;
  readonly requests: number;
  readonly figures: readonly TrafficFigure[];
}

export interface TrafficChange {
  /** The file of the log. */
  readonly log: string;
  /** The requests that were replayed. */
  readonly replayed: number;
  readonly total: TrafficSlice;
  /** The behaviors and continents of which a figure is better or worse. */
  readonly slices: readonly TrafficSlice[];
  /**
   * Objectives that are no longer met, URLs that newly share one cache key, and replays of
   * different length, as sentences.
   */
  readonly warnings: readonly string[];
}

export interface ReplayedTrafficOptions {
  /** The log, plain or gzip. */
  readonly file: string;
  /**
   * The id of the distribution, as in `DistributionModel.id`.
   *
   * @default - the only distribution; required if an assembly has several
   */
  readonly distribution?: string;
  /** @default - the traffic is not judged by objectives */
  readonly objectives?: ReplayObjectives;
  /** @default - those of each limit; of each replay, not of both */
  readonly limits?: Limits;
}

/**
 * Replays one log over the state before a change and the state after it.
 *
 * @throws IsochroneError if the log cannot be read, or an assembly has no distribution that the
 * model understands
 * @throws EdgeCodeStopped if the edge code of either ended its replay
 */
export async function replayedTraffic(
  base: Assembly,
  head: Assembly,
  { file, distribution, objectives, limits }: ReplayedTrafficOptions,
): Promise<TrafficChange> {
  // Both are read before either is replayed, so that an error comes at once.
  const models = [base, head].map((assembly) => ({
    assembly,
    distribution: readDistribution(assembly, distribution),
  }));
  const reports: ReplayReport[] = [];
  // One after the other: each replay holds the caches of all edge locations in memory.
  for (const model of models)
    reports.push(await replay({ ...model, log: { file }, objectives, limits }));
  const [before, after] = reports as [ReplayReport, ReplayReport];
  return trafficChange(before, after);
}

interface FigureDefinition {
  readonly name: TrafficFigure['name'];
  readonly unit: TrafficFigure['unit'];
  /** The verdict on an increase. */
  readonly more: 'better' | 'worse';
  readonly of: (slice: ReplaySlice) => Span;
}

const FIGURES: readonly FigureDefinition[] = [
  { name: 'hit rate', unit: '%', more: 'better', of: ({ hitPercent }) => hitPercent },
  { name: 'offload', unit: '%', more: 'better', of: ({ offloadPercent }) => offloadPercent },
  {
    name: 'origin requests',
    unit: 'requests',
    more: 'worse',
    of: ({ originRequests }) => originRequests,
  },
  { name: 'origin bytes', unit: 'bytes', more: 'worse', of: ({ originBytes }) => originBytes },
  { name: 'p95 latency', unit: 'ms', more: 'worse', of: ({ latencyMs }) => latencyMs.p95 },
];

/** The least change of a figure, in percent, that is called better or worse. */
const NOTICEABLE_PERCENT = 1;

/** Compares the replays of one log before and after a change. */
export function trafficChange(before: ReplayReport, after: ReplayReport): TrafficChange {
  const slices = [
    ...slicesInBoth(before.behaviors, after.behaviors, ({ pathPattern }) => pathPattern),
    ...slicesInBoth(before.continents, after.continents, ({ continent }) => continent),
  ];
  return {
    log: after.log.file,
    replayed: after.log.replayed,
    total: sliceChange('all', before.total, after.total),
    slices: slices.filter(({ figures }) => figures.some(({ verdict }) => verdict !== 'same')),
    warnings: warnings(before, after),
  };
}

/** The slices that both replays have, in the order of the second. */
function slicesInBoth<Slice extends ReplaySlice>(
  before: readonly Slice[],
  after: readonly Slice[],
  nameOf: (slice: Slice) => string,
): TrafficSlice[] {
  return after.flatMap((now) => {
    const old = before.find((each) => nameOf(each) === nameOf(now));
    return old ? [sliceChange(nameOf(now), old, now)] : [];
  });
}

function warnings(before: ReplayReport, after: ReplayReport): string[] {
  const missed = after.objectives.filter(
    (now) => !now.met && before.objectives.find(({ name }) => name === now.name)?.met !== false,
  );
  const merged = after.unsafeMerges.filter(
    ({ key }) => !before.unsafeMerges.some((old) => old.key === key),
  );
  return [
    ...missed.map(
      ({ name, target, actual }) =>
        `The objective ${name} of ${target} is no longer met: ${spanText(actual)}.`,
    ),
    ...merged.map(
      ({ first, second }) =>
        `${first.url} and ${second.url} now share one cache key, but had different responses.`,
    ),
    ...(before.log.replayed === after.log.replayed
      ? []
      : [
          `The replays covered ${before.log.replayed} and ${after.log.replayed} requests: ` +
            'compare their figures with care.',
        ]),
  ];
}

function sliceChange(name: string, before: ReplaySlice, after: ReplaySlice): TrafficSlice {
  const figures = FIGURES.map(({ of, more, ...figure }): TrafficFigure => {
    const [from, to] = [of(before), of(after)];
    const direction = Math.sign(stepOf(from.low, to.low)) + Math.sign(stepOf(from.high, to.high));
    const less = more === 'better' ? 'worse' : 'better';
    return {
      ...figure,
      before: from,
      after: to,
      verdict: direction === 2 ? more : direction === -2 ? less : 'same',
    };
  });
  return { name, requests: after.requests, figures };
}

/** The change of a figure; 0 if it is too small to notice. */
function stepOf(from: number, to: number): number {
  return Math.abs(to - from) * 100 < NOTICEABLE_PERCENT * Math.max(Math.abs(from), Math.abs(to))
    ? 0
    : to - from;
}

/** The span as text, such as `91.2 to 93`, or `88` if both ends are equal. */
export function spanText({ low, high }: Span, digits = 1): string {
  const [from, to] = [low, high].map((value) => String(Number(value.toFixed(digits))));
  return from === to ? `${from}` : `${from} to ${to}`;
}
