/** Guards of the English sentence: its form, its persons, its order, and every remaining word. */
import { firstWords, wordSet } from '../question';
import type { SemanticGuard } from './guard';

const QUESTION_WORDS = /^(?:who|whom|whose|when|where|why|how|what|which|whether|if)$/;
const BE = wordSet('is are am was were be');

/**
 * Compares the kind of question (who, when, where, why, how, how many, yes or no) and the question
 * words after it. It also separates "Is she like him?" from "Does she like him?".
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

const PERSONS = firstWords([
  'I i me my mine myself',
  'you your yours yourself',
  'we us our ours ourselves',
  'he him his himself',
  'she her hers herself',
  'it its itself',
  'they them their theirs themselves',
  'this that',
  'these those',
  'one',
]);

/** The person that a pronoun stands for; undefined for any other word. */
export function personOf(word: string): string | undefined {
  return Object.hasOwn(PERSONS, word) ? PERSONS[word] : undefined;
}

/**
 * Compares grammatical persons in order: "my" differs from "your". The person in "how do I" is part
 * of the form.
 */
export const samePersons: SemanticGuard = {
  name: 'person',
  signature: ({ words }) => words.flatMap((word) => personOf(word) ?? []).join(' '),
};

/** Relations whose two sides cannot be exchanged, so the words beside them count. */
const RELATIONS = wordSet(`
  to from into than by over own owns owned acquire acquired acquires sue sued beat beats beaten
  follow follows cause causes caused lead leads replace replaces replaced affect affects exceed
  exceeds include includes contain contains depend depends require requires precede imply implies
  mean pay pays as against onto before after for with like because-of if unless instead-of vs
  through via toward relative
`);

/** Compares the order of names, numbers and codes, and both sides of each relation. */
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

/** Articles, and auxiliaries that the guards of form, time and modality compare. */
const IGNORED = wordSet(
  'a an the is are am be do does did was were will please can could may must should',
);

/** Beside these, and after "which", the plural counts: "the best fund", "the best funds". */
const COUNTED = /^(?:best|worst|first|last|top|most|least|[a-z]{3,}est)$/;

/**
 * Compares all words in order, after synonyms, plurals, articles and auxiliaries are normalized. It
 * refuses what no other guard knows: an unknown word has an unknown meaning.
 */
export const sameWords: SemanticGuard = {
  name: 'words',
  signature: ({ form, words, plain }) => {
    const compared = words.flatMap((word) => {
      if (IGNORED.has(word)) return [];
      const person = personOf(word);
      if (person !== undefined) return person;
      return word === 'has' ? 'have' : word;
    });
    const which = /^(?:which|what)$/.test(plain[0] ?? '') && !IGNORED.has(plain[1] ?? '');
    const counted =
      which || words.some((word) => COUNTED.test(word))
        ? plain.filter((word) => /[a-z]{3}s$/.test(word) && word !== 'does').sort()
        : [];
    return [form, ...compared, ...counted].join(' ');
  },
};

/** For other languages: compares all words as written, without case and punctuation. */
export const sameLiterally: SemanticGuard = {
  name: 'words',
  signature: ({ tokens }) =>
    tokens
      .flatMap(({ kind, text }) =>
        kind === 'pause' || kind === 'end' ? [] : text.toLocaleLowerCase('und'),
      )
      .join(' '),
};
