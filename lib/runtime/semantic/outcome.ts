/** How a question fared. */
export type SemanticOutcome =
  | { readonly kind: 'exact' }
  /** `question` is the one that the answer was given to, `score` the cosine. */
  | { readonly kind: 'similar'; readonly score: number; readonly question: string }
  | {
      readonly kind: 'miss';
      /**
       * `nothing-similar`: no question at the threshold. `refused`: one was, and `guard` refused
       * it. `unreadable`: `guard` cannot read this question, so only its exact text would hit.
       * `failed`: embedder or store did not answer in time.
       */
      readonly reason: 'nothing-similar' | 'refused' | 'unreadable' | 'failed';
      readonly guard?: string;
      readonly question?: string;
      readonly score?: number;
    };

export type SemanticLookup<Answer> = { readonly outcome: SemanticOutcome } & (
  | { readonly found: true; readonly answer: Answer }
  | { readonly found: false }
);

/** An answer, and how its question fared. */
export interface SemanticAnswer<Answer> {
  readonly answer: Answer;
  readonly outcome: SemanticOutcome;
}
