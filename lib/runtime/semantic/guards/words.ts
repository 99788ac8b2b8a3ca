import { type SemanticGuard, setOf } from './guard';
import { personOf } from './person';

/** Articles, and what the guards of form, time and modality compare. */
const SILENT = setOf(
  'a an the is are am be do does did was were will please can could may must should',
);

/** Beside a superlative and after "which", one is not several. */
const COUNTED = /^(?:best|worst|first|last|top|most|least|[a-z]{3,}est)$/;

/**
 * The same words in the same order, after synonyms, plurals, articles and auxiliaries. What the
 * other guards do not know, this one refuses: an unknown word is an unknown meaning.
 */
export const sameWords: SemanticGuard = {
  name: 'words',
  signature: ({ form, words, plain }) => {
    const said = words.flatMap((word) => {
      if (SILENT.has(word)) return [];
      const person = personOf(word);
      if (person !== undefined) return person;
      return word === 'has' ? 'have' : word;
    });
    const which = /^(?:which|what)$/.test(plain[0] ?? '') && !SILENT.has(plain[1] ?? '');
    const counted =
      which || words.some((word) => COUNTED.test(word))
        ? plain.filter((word) => /[a-z]{3}s$/.test(word) && word !== 'does').sort()
        : [];
    return [form, ...said, ...counted].join(' ');
  },
};

/**
 * For other languages: the very same words in the same order, whatever the punctuation between
 * them.
 */
export const sameLiterally: SemanticGuard = {
  name: 'words',
  signature: ({ tokens }) =>
    tokens
      .flatMap(({ kind, text }) =>
        kind === 'pause' || kind === 'end' ? [] : text.toLocaleLowerCase('und'),
      )
      .join(' '),
};
