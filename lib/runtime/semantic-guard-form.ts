import type { SemanticGuard } from './semantic-guard';

const QUESTION_WORDS = /^(?:who|whom|whose|when|where|why|how|what|which|whether|if)$/;

/** The same kind of question: who, when, where, why, how, how many, yes or no; and the same question words after that. */
export const sameForm: SemanticGuard = {
  name: 'form',
  signature: ({ form, words }) => [form, ...words.filter((word) => QUESTION_WORDS.test(word))].join(' '),
};
