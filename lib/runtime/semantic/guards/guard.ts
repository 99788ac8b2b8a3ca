import type { SemanticQuestion } from '../question';

/**
 * A rule that says when two questions cannot have one answer, whatever an embedder thinks of them.
 *
 * It gives each question a signature; two questions pass if theirs are equal. So a guard is
 * symmetric and reflexive by its shape, and the signatures of an entry can be compared as one
 * digest.
 */
export interface SemanticGuard {
  /** Told to the caller when the guard refused the best candidate. */
  readonly name: string;
  /**
   * What must be equal. `undefined`: this guard cannot read the question, which then matches
   * nothing but its own text.
   */
  signature(question: SemanticQuestion): string | undefined;
}

/** A guard that compares the words of a question that it knows, in their order. */
export function wordGuard(
  name: string,
  pick: (word: string, at: number, words: readonly string[]) => string | undefined,
): SemanticGuard {
  return {
    name,
    signature: ({ words }) => words.flatMap((word, at) => pick(word, at, words) ?? []).join(' '),
  };
}

export const setOf = (text: string): ReadonlySet<string> => new Set(text.trim().split(/\s+/));

/** A word without what its tense adds: `increas` of `increased`, `increasing` and `increase`. */
export const root = (word: string) => word.replace(/(?:ing|ed|e|d|er|ly)$/, '');
