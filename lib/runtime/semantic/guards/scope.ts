import { setOf, wordGuard } from './guard';

const SCOPES =
  setOf(`all any only every each some none both either neither most few a-few little a-little many several no just always never sometimes ever usually often
  generally normally typically also too else other another even still already yet again together alone whole entire entirely partly partially half each everyone
  someone anyone no-one everything something anything nothing everywhere anywhere somewhere multiple single various specific particular certain exactly exclusively
  mainly mostly mainly per overall total average including except besides otherwise globally worldwide nationwide locally example examples list first-time`);

/** The same words of scope: "any" is not "all", "only" is not nothing. */
export const sameScope = wordGuard('scope', (word) => (SCOPES.has(word) ? word : undefined));
