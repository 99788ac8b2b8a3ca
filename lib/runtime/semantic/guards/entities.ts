import type { SemanticGuard } from './guard';

/**
 * The same names, tickers, quotations, codes, addresses, in any order (the order is another
 * guard's).
 */
export const sameEntities: SemanticGuard = {
  name: 'entities',
  signature: ({ words, tokens }) => {
    const names = words.filter((word) => /\p{Lu}/u.test(word) && !/^-?\d/.test(word));
    const marked = tokens.flatMap(({ kind, text }) =>
      kind === 'quoted' || kind === 'code' || kind === 'currency' ? text : [],
    );
    return [...new Set([...names, ...marked])].sort().join(' ');
  },
};

/**
 * For other languages: what is marked as a name by more than a capital, which German gives to every
 * noun.
 */
export const sameMarks: SemanticGuard = {
  name: 'entities',
  signature: ({ tokens }) =>
    tokens
      .flatMap(({ kind, text }) =>
        ['quoted', 'code', 'currency', 'date'].includes(kind) || /^\p{Lu}[\p{Lu}\d]+$/u.test(text)
          ? text
          : [],
      )
      .join(' '),
};
