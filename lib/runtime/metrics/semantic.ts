/** The metrics of a semantic cache, as `MetricDefinition`s. */
export const SEMANTIC_METRICS = {
  semantic_lookups_total: {
    type: 'counter',
    help: 'Look-ups by outcome, and misses by reason.',
    labels: ['outcome', 'reason'],
  },
  semantic_refusals_total: {
    type: 'counter',
    help: 'Misses whose nearest question a guard refused or could not read.',
    labels: ['guard'],
  },
  semantic_failures_total: {
    type: 'counter',
    help: 'Failures hidden from callers, by kind.',
    labels: ['kind'],
  },
  semantic_dropped_total: {
    type: 'counter',
    help: 'Answers that were not stored.',
    labels: ['reason'],
  },
  semantic_similarity: {
    type: 'histogram',
    help: 'Cosine of similar hits.',
    buckets: [0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99],
  },
} as const;

type Names<Type> = {
  [Name in keyof typeof SEMANTIC_METRICS]: (typeof SEMANTIC_METRICS)[Name]['type'] extends Type
    ? Name
    : never;
}[keyof typeof SEMANTIC_METRICS];

type Labels = Readonly<Record<string, string>>;

/** The methods of a cache's metrics that a semantic cache uses. */
export interface SemanticMetrics {
  count(name: Names<'counter'>, labels?: Labels, by?: number): void;
  observe(name: Names<'histogram'>, value: number, labels?: Labels): void;
}

/** Wraps metrics so that they never throw: a caller gets its answer even if counting fails. */
export function quiet(metrics: SemanticMetrics | undefined): SemanticMetrics {
  const attempt = (act: () => void) => {
    try {
      act();
    } catch {
      // Counting has failed, and there is nothing else to report to.
    }
  };
  return {
    count: (name, labels, by) => attempt(() => metrics?.count(name, labels, by)),
    observe: (name, value, labels) => attempt(() => metrics?.observe(name, value, labels)),
  };
}
