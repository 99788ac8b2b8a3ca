/** The guards as lists. The first guard of a list that refuses is the one that is reported. */
import { sameEntities, sameMarks, sameNumbers, sameTime } from './facts';
import type { SemanticGuard } from './guard';
import { englishOnly, sameScript } from './language';
import { sameComparison, sameModality, samePolarity, sameScope } from './meaning';
import { sameForm, sameOrder, samePersons, sameWords } from './sentence';

/**
 * The guards for English that each know one kind of difference, without the guard that refuses
 * every unknown word. With these alone, the embedder decides about words that no guard knows: more
 * paraphrases hit, and wrong answers become possible.
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

/** The guards that English questions are compared by, unless the cache is given others. */
export const ENGLISH_GUARDS: readonly SemanticGuard[] = Object.freeze([
  ...ENGLISH_RULES,
  sameWords,
]);

/**
 * Guards that need no language: scripts, numbers, quotations, codes. They are only a start for a
 * language that you opt in to: they know no negation, no opposites and no order.
 */
export const NEUTRAL_GUARDS: readonly SemanticGuard[] = Object.freeze([
  sameScript,
  sameNumbers,
  sameMarks,
]);
