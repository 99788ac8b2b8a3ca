import type { SemanticGuard } from './guard';

/**
 * The same numbers with sign, unit, percent and currency, in the same order; and the same signs of
 * arithmetic.
 */
export const sameNumbers: SemanticGuard = {
  name: 'numbers',
  signature: ({ tokens }) =>
    tokens
      .flatMap(({ kind, text }) =>
        kind === 'number' || (kind === 'symbol' && /^[-+*/=<>≤≥≠^%~±×÷]$/.test(text)) ? text : [],
      )
      .join(' '),
};
