/** What a semantic cache counts, in the shape in which a cache's metrics are defined. */
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
    help: 'Failures that callers did not see, by kind.',
    labels: ['kind'],
  },
  semantic_dropped_total: {
    type: 'counter',
    help: 'Answers that were not kept.',
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

/** As much of a cache's metrics as is used. */
export interface SemanticMetrics {
  count(name: Names<'counter'>, labels?: Labels, by?: number): void;
  observe(name: Names<'histogram'>, value: number, labels?: Labels): void;
}

/**
 * The same metrics, which never throw: counting is no reason to leave a caller without an answer.
 */
export function quiet(metrics: SemanticMetrics | undefined): SemanticMetrics {
  const attempt = (act: () => void) => {
    try {
      act();
    } catch {
      // Nobody is left to tell.
    }
  };
  return {
    count: (name, labels, by) => attempt(() => metrics?.count(name, labels, by)),
    observe: (name, value, labels) => attempt(() => metrics?.observe(name, value, labels)),
  };
}
