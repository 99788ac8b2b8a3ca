/** The guards as lists, and what they say of two questions. */
import { createHash } from 'node:crypto';
import type { SemanticQuestion } from '../question';
import { sameComparison } from './comparison';
import { sameEntities, sameMarks } from './entities';
import { sameForm } from './form';
import type { SemanticGuard } from './guard';
import { englishOnly, sameScript } from './language';
import { sameModality } from './modality';
import { sameNumbers } from './numbers';
import { sameOrder } from './order';
import { samePersons } from './person';
import { samePolarity } from './polarity';
import { sameScope } from './scope';
import { sameTime } from './time';
import { sameWords } from './words';

/**
 * Changes when a guard reads questions in another way, so that entries of an older version are
 * found by their exact text only.
 */
const GUARDS_VERSION = 1;

/**
 * The guards for English that each know one kind of difference, without the one that refuses every
 * word it does not know. With these alone, words that none of them knows are left to the embedder:
 * more paraphrases are caught, and wrong answers become possible.
 */
export const ENGLISH_RULES: readonly SemanticGuard[] = Object.freeze([
  englishOnly,
  sameNumbers,
  sameTime,
  sameEntities,
  samePolarity,
  sameComparison,
  sameForm,
  sameScope,
  sameModality,
  samePersons,
  sameOrder,
]);

/** What English questions are compared by, by default. */
export const ENGLISH_GUARDS: readonly SemanticGuard[] = Object.freeze([
  ...ENGLISH_RULES,
  sameWords,
]);

/**
 * Guards that know no language: scripts, numbers, quotations, codes. A beginning for a language
 * that one opts in to, and no more: they know no negation, no opposites and no order.
 */
export const NEUTRAL_GUARDS: readonly SemanticGuard[] = Object.freeze([
  sameScript,
  sameNumbers,
  sameMarks,
]);

/** The first guard that refuses to have one answer for both, or nothing. */
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
 * All signatures of a question as one digest: two questions pass all guards if theirs are equal.
 * `undefined` if a guard cannot read it.
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
