/** What a change does to real traffic: one log, replayed over both assemblies. */
import type { ReplayReport, ReplaySlice, Span } from '../../simulation';

export interface TrafficFigure {
  readonly name: 'hit rate' | 'offload' | 'origin requests' | 'origin bytes' | 'p95 latency';
  readonly unit: '%' | 'requests' | 'bytes' | 'ms';
  readonly before: Span;
  readonly after: Span;
  /** Only if both ends of the span go the same way: within its width, the model cannot tell. */
  readonly verdict: 'better' | 'worse' | 'same';
}

export interface TrafficSlice {
  /** `all`, a path pattern or a continent. */
  readonly name: string;
  readonly requests: number;
  readonly figures: readonly TrafficFigure[];
}

export interface TrafficChange {
  readonly log: string;
  readonly replayed: number;
  readonly total: TrafficSlice;
  /** Behaviours and continents whose hit rate or origin load differs. */
  readonly slices: readonly TrafficSlice[];
  /**
   * Objectives that were met and no longer are, and URLs that are newly taken for one object, as
   * sentences.
   */
  readonly warnings: readonly string[];
}

interface Figure {
  readonly name: TrafficFigure['name'];
  readonly unit: TrafficFigure['unit'];
  readonly more: 'better' | 'worse';
  readonly of: (slice: ReplaySlice) => Span;
}

const FIGURES: readonly Figure[] = [
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

/** Percent of a figure by which it must differ to be called better or worse. */
const NOTICEABLE_PERCENT = 1;

export function trafficChange(before: ReplayReport, after: ReplayReport): TrafficChange {
  const pairs = [
    ...after.behaviors.map(
      (slice) =>
        [
          slice.pathPattern,
          before.behaviors.find((each) => each.pathPattern === slice.pathPattern),
          slice,
        ] as const,
    ),
    ...after.continents.map(
      (slice) =>
        [
          slice.continent,
          before.continents.find((each) => each.continent === slice.continent),
          slice,
        ] as const,
    ),
  ];
  const slices = pairs.flatMap(([name, old, now]) => (old ? [sliceChange(name, old, now)] : []));
  return {
    log: after.log.file,
    replayed: after.log.replayed,
    total: sliceChange('all', before.total, after.total),
    slices: slices.filter(({ figures }) => figures.some(({ verdict }) => verdict !== 'same')),
    warnings: [
      ...after.objectives
        .filter(
          (now) =>
            !now.met && before.objectives.find(({ name }) => name === now.name)?.met !== false,
        )
        .map(
          ({ name, target, actual }) =>
            `The objective ${name} of ${target} is no longer met: ${spanText(actual)}.`,
        ),
      ...after.unsafeMerges
        .filter(({ key }) => !before.unsafeMerges.some((old) => old.key === key))
        .map(
          ({ first, second }) =>
            `${first.url} and ${second.url} become one object, and were not answered alike.`,
        ),
      ...(before.log.replayed === after.log.replayed
        ? []
        : [
            `The two replays took ${before.log.replayed} and ${after.log.replayed} requests: compare with care.`,
          ]),
    ],
  };
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

function stepOf(from: number, to: number): number {
  return Math.abs(to - from) * 100 < NOTICEABLE_PERCENT * Math.max(Math.abs(from), Math.abs(to))
    ? 0
    : to - from;
}

/** Such as `91.2 to 93` or `88`. */
export function spanText({ low, high }: Span, digits = 1): string {
  const [from, to] = [low, high].map((value) => String(Number(value.toFixed(digits))));
  return from === to ? `${from}` : `${from} to ${to}`;
}
