import type { SemanticGuard } from './guard';

const MODALS: Readonly<Record<string, string>> = {
  can: 'can',
  could: 'can',
  may: 'may',
  might: 'might',
  must: 'must',
  'must-past': 'must-past',
  should: 'should',
  shall: 'shall',
  will: 'will',
  would: 'would',
  want: 'want',
  likely: 'likely',
  probably: 'likely',
  possible: 'possible',
  possibly: 'possible',
  necessary: 'necessary',
  mandatory: 'mandatory',
  optional: 'optional',
  recommended: 'recommended',
  certain: 'certain',
  guaranteed: 'guaranteed',
  advisable: 'advisable',
  legal: 'legal',
  illegal: 'illegal',
  forbidden: 'forbidden',
};

/**
 * What one can, may, must, should or will do are different questions. "How can I" and "how do I"
 * are one.
 */
export const sameModality: SemanticGuard = {
  name: 'modality',
  signature: ({ form, plain, words }) => {
    const read = form === 'yes-no' ? [plain[0]?.toLowerCase() ?? '', ...words] : words;
    return read
      .flatMap((word) => (Object.hasOwn(MODALS, word) ? MODALS[word] : []) ?? [])
      .join(' ');
  },
};
