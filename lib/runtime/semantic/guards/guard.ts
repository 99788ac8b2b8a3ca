/** What a guard is, and how two questions are compared by a list of guards. */
import { createHash } from 'node:crypto';
import type { SemanticQuestion } from '../question';

/**
 * A rule that refuses one answer for two questions, whatever their vectors say.
 *
 * It gives each question a signature, and two questions pass if their signatures are equal. So a
 * guard is symmetric and reflexive by construction, and the signatures of a stored entry can be
 * compared as one digest.
 */
export interface SemanticGuard {
  /** Reported to the caller when the guard refuses the best candidate. */
  readonly name: string;
  /**
   * What must be equal. `undefined` if this guard cannot read the question, which then matches only
   * its own exact text.
   */
  signature(question: SemanticQuestion): string | undefined;
}

/** A guard that compares the words it knows, in order. */
export function wordGuard(
  name: string,
  pick: (word: string, at: number, words: readonly string[]) => string | undefined,
): SemanticGuard {
  return {
    name,
    signature: ({ words }) => words.flatMap((word, at) => pick(word, at, words) ?? []).join(' '),
  };
}

/**
 * Increase this when a guard reads questions differently: entries of the old version are then found
 * by their exact text only.
 */
const GUARDS_VERSION = 1;

/** The name of the first guard that refuses one answer for both; undefined if all guards pass. */
export function refusedBy(
  guards: readonly SemanticGuard[],
  one: SemanticQuestion,
  other: SemanticQuestion,
): string | undefined {
  return guards.find((guard) => {
    const signature = guard.signature(one);
    return signature === undefined || signature !== guard.signature(other);
  })?.name;
}

/**
 * A digest of all signatures of a question. Two questions pass all guards exactly if their digests
 * are equal.
 *
 * @returns undefined if a guard cannot read the question
 */
export function signatureOf(
  guards: readonly SemanticGuard[],
  question: SemanticQuestion,
): string | undefined {
  const parts: string[] = [];
  for (const guard of guards) {
    const signature = guard.signature(question);
    if (signature === undefined) return undefined;
    parts.push(guard.name, signature);
  }
  return createHash('sha256')
    .update(JSON.stringify([GUARDS_VERSION, ...parts]))
    .digest('hex')
    .slice(0, 32);
}
