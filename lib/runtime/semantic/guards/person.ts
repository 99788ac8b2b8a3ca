import type { SemanticGuard } from './guard';

const PERSONS: Readonly<Record<string, string>> = Object.fromEntries(
  [
    'I i me my mine myself',
    'you you your yours yourself',
    'we we us our ours ourselves',
    'he he him his himself',
    'she she her hers herself',
    'it it its itself',
    'they they them their theirs themselves',
    'this this that',
    'these these those',
    'one one',
  ].flatMap((line) => {
    const [person = '', ...words] = line.split(' ');
    return words.map((word) => [word, person]);
  }),
);

/** The person a word stands for, or nothing. */
export function personOf(word: string): string | undefined {
  return Object.hasOwn(PERSONS, word) ? PERSONS[word] : undefined;
}

/**
 * The same persons in the same order: "my" is not "your". Who asks how to do something ("how do I")
 * is part of the form.
 */
export const samePersons: SemanticGuard = {
  name: 'person',
  signature: ({ words }) => words.flatMap((word) => personOf(word) ?? []).join(' '),
};
