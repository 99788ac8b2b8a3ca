/** Guards of the facts that a question names: numbers, times, names. */
import { type SemanticQuestion, wordSet } from '../question';
import type { SemanticGuard } from './guard';

/** Compares numbers with sign, unit and currency, and arithmetic operators, all in order. */
export const sameNumbers: SemanticGuard = {
  name: 'numbers',
  signature: ({ tokens }) =>
    tokens
      .flatMap(({ kind, text }) =>
        kind === 'number' || (kind === 'symbol' && /^[-+*/=<>≤≥≠^%~±×÷]$/.test(text)) ? text : [],
      )
      .join(' '),
};

/** Words whose meaning depends on the day. */
const RELATIVE = wordSet(`
  today today's tonight yesterday tomorrow now current latest recent recently lately ago upcoming
  soon nowadays going-to overnight ytd mtd qtd
`);
const SHIFTS = wordSet('this last next previous coming past recent current earlier later same');
const SPANS = wordSet(`
  day days week weeks weekend month months quarter quarters year years hour hours minute minutes
  morning afternoon evening night season decade century monday tuesday wednesday thursday friday
  saturday sunday january february march april may june july august september october november
  december time session close fiscal trading calendar few couple spring summer autumn fall winter
`);
const NAMED = wordSet(`
  monday tuesday wednesday thursday friday saturday sunday january february march april june july
  august september october november december weekday weekend midnight noon morning afternoon
  evening night spring summer autumn winter christmas easter
`);
const BOUNDS = wordSet(`
  since until before after during by within earlier later already yet still again anymore
  no-longer not-yet ever once while
`);

function relativeWords({ words }: SemanticQuestion): string[] {
  return words.flatMap((word, at) => {
    const next = words[at + 1]?.toLowerCase() ?? '';
    if (RELATIVE.has(word)) return word;
    return SHIFTS.has(word) && (SPANS.has(next) || /^\d/.test(next)) ? `${word} ${next}` : [];
  });
}

/** Whether the same text has another right answer on another day. */
export function dependsOnToday(question: SemanticQuestion): boolean {
  return (
    relativeWords(question).length > 0 ||
    question.tokens.some(({ kind, text }) => kind === 'date' && /^(?:-|Q|H|T)/.test(text))
  );
}

function tenseOf(plain: readonly string[]): string {
  const marks = plain.flatMap((word) => {
    const lower = word.toLowerCase();
    if (/^(?:did|was|were)$/.test(lower)) return 'past';
    if (/^(?:will|shall|going-to)$/.test(lower)) return 'future';
    if (lower === 'had' || lower === 'been' || lower === 'used-to' || lower === 'being')
      return lower;
    return [];
  });
  return [...new Set(marks)].join('+');
}

/** Compares tense, dates, times, periods and relative times. */
export const sameTime: SemanticGuard = {
  name: 'time',
  signature: (question) => {
    const dates = question.tokens.flatMap(({ kind, text }) => (kind === 'date' ? text : []));
    const named = question.words.filter(
      (word) => NAMED.has(word.toLowerCase()) || BOUNDS.has(word),
    );
    return [
      tenseOf(question.plain),
      dates.join(' '),
      relativeWords(question).join(' '),
      named.join(' ').toLowerCase(),
    ].join('|');
  },
};

/**
 * Compares names, tickers, quotations, codes and addresses in any order; `sameOrder` compares the
 * order.
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
 * For other languages: compares what is marked as a name by more than one capital letter, because
 * German capitalizes every noun.
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
