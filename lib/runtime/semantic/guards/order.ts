import { type SemanticGuard, setOf } from './guard';

/**
 * Relations whose two sides cannot be exchanged: what stands beside these words is part of the
 * order.
 */
const RELATIONS =
  setOf(`to from into than by over own owns owned acquire acquired acquires sue sued beat beats beaten follow follows cause causes caused lead leads replace
  replaces replaced affect affects exceed exceeds include includes contain contains depend depends require requires precede imply implies mean pay pays
  as against onto before after for with like because-of if unless instead-of vs through via toward relative`);

/**
 * The same order of names, numbers and codes, and the same sides of words that relate two things.
 */
export const sameOrder: SemanticGuard = {
  name: 'order',
  signature: ({ words }) =>
    words
      .flatMap((word, at) => {
        if (/[\p{Lu}\d"]/u.test(word)) return word;
        return RELATIONS.has(word) ? `${words[at - 1] ?? ''}>${word}>${words[at + 1] ?? ''}` : [];
      })
      .join(' '),
};
