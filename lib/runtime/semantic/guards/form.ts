import { type SemanticGuard, setOf } from './guard';

const QUESTION_WORDS = /^(?:who|whom|whose|when|where|why|how|what|which|whether|if)$/;
const BE = setOf('is are am was were be');

/**
 * The same kind of question: who, when, where, why, how, how many, yes or no; the same question
 * words after that; and "is" is not "does": "Is she like him?" is not "Does she like him?".
 */
export const sameForm: SemanticGuard = {
  name: 'form',
  signature: ({ form, words, plain }) => {
    const being =
      words.some((word) => BE.has(word)) || (form === 'yes-no' && BE.has(plain[0] ?? ''));
    return [form, being ? 'be' : '', ...words.filter((word) => QUESTION_WORDS.test(word))].join(
      ' ',
    );
  },
};
