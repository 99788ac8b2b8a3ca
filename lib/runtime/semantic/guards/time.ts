import type { SemanticQuestion } from '../question';
import { type SemanticGuard, setOf } from './guard';

/** Words whose meaning depends on when they are said. */
const RELATIVE =
  setOf(`today today's tonight yesterday tomorrow now current latest recent recently lately ago upcoming soon nowadays going-to
  overnight ytd mtd qtd`);
const SHIFTS = setOf('this last next previous coming past recent current earlier later same');
const SPANS =
  setOf(`day days week weeks weekend month months quarter quarters year years hour hours minute minutes morning afternoon evening night season decade century
  monday tuesday wednesday thursday friday saturday sunday january february march april may june july august september october november december
  time session close fiscal trading calendar few couple spring summer autumn fall winter`);
const NAMED =
  setOf(`monday tuesday wednesday thursday friday saturday sunday january february march april june july august september october november december
  weekday weekend midnight noon morning afternoon evening night spring summer autumn winter christmas easter`);
const BOUNDS = setOf(
  'since until before after during by within earlier later already yet still again anymore no-longer not-yet ever once while',
);

function relativeWords({ words }: SemanticQuestion): string[] {
  return words.flatMap((word, at) => {
    const next = words[at + 1]?.toLowerCase() ?? '';
    if (RELATIVE.has(word)) return word;
    return SHIFTS.has(word) && (SPANS.has(next) || /^\d/.test(next)) ? `${word} ${next}` : [];
  });
}

/**
 * Whether the right answer changes with the day on which the question is asked, though its text
 * stays.
 */
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

/** The same dates, times, periods, relative times and tense. */
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
