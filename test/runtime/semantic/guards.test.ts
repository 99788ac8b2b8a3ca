import fc from 'fast-check';
import {
  ENGLISH_GUARDS,
  ENGLISH_RULES,
  readQuestion,
  type SemanticGuard,
  TfIdfEmbedder,
} from '../../../lib/runtime/semantic';
import { refusedBy, signatureOf } from '../../../lib/runtime/semantic/guards';
import { tokensOf } from '../../../lib/runtime/semantic/question/lexer';
import { canonicalNumber } from '../../../lib/runtime/semantic/question/numbers';
import { exactText } from '../../../lib/runtime/semantic/question/question';
import { HELD_OUT, HELD_OUT_PARAPHRASES } from './held-out';
import { ADVERSARIAL, PARAPHRASES, type Pair, pairs, REFUSALS } from './pairs';

const refusal = (guards: readonly SemanticGuard[], [one, other]: Pair, locale?: string) =>
  refusedBy(guards, readQuestion(one, locale), readQuestion(other, locale));
const adversarial = Object.entries(ADVERSARIAL).flatMap(([family, pairs]) =>
  pairs.map((pair) => ({ family, pair })),
);
const everyText = [...adversarial.map(({ pair }) => pair), ...PARAPHRASES].flat();

async function cosines(pairs: readonly Pair[]): Promise<number[]> {
  const embedder = new TfIdfEmbedder();
  const vectors = await embedder.embed(pairs.flat());
  return pairs.map((_, at) =>
    (vectors[2 * at] as Float32Array).reduce(
      (sum, value, place) => sum + value * (vectors[2 * at + 1]?.[place] ?? 0),
      0,
    ),
  );
}

describe('the guards with an embedder that finds all questions alike', () => {
  test.each(Object.entries(ADVERSARIAL))('refuse every pair of the family %s', (_, pairs) => {
    // With the locale, no pair is refused only because it is too short to be detected as English.
    expect(pairs.filter((pair) => refusal(ENGLISH_GUARDS, pair, 'en') === undefined)).toEqual([]);
    expect(pairs.filter((pair) => refusal(ENGLISH_GUARDS, pair) === undefined)).toEqual([]);
  });

  test.each(Object.entries(HELD_OUT))('refuse every held-out pair %s', (_, pairs) => {
    expect(pairs.filter((pair) => refusal(ENGLISH_GUARDS, pair, 'en') === undefined)).toEqual([]);
  });

  test('merge only questions that mean the same', () => {
    const questions = new Set(
      [...Object.values(ADVERSARIAL), ...Object.values(HELD_OUT)].flat(2).map(exactText),
    );
    const merged = new Map<string, string[]>();
    for (const question of questions) {
      const signature = signatureOf(ENGLISH_GUARDS, readQuestion(question, 'en')) ?? question;
      merged.set(signature, [...(merged.get(signature) ?? []), question]);
    }
    expect([...merged.values()].filter((group) => group.length > 1)).toEqual([
      ['how much tax do I owe on $50,000', 'how much tax do I owe on $50k'],
      ['is John the manager of Mary', "is John Mary's manager"],
      ['is Mary the manager of John', "is Mary John's manager"],
      ['please tell me if I can leave', 'I want to know if I can leave'],
    ]);
  });

  test('pass paraphrases, and more of them without the guard of unknown words', () => {
    const caught = (guards: readonly SemanticGuard[]) =>
      PARAPHRASES.filter((pair) => refusal(guards, pair, 'en') === undefined).length;
    expect(caught(ENGLISH_GUARDS)).toBeGreaterThanOrEqual(31);
    expect(caught(ENGLISH_RULES)).toBeGreaterThanOrEqual(34);
    expect(
      HELD_OUT_PARAPHRASES.filter((pair) => refusal(ENGLISH_GUARDS, pair, 'en') === undefined)
        .length,
    ).toBeGreaterThanOrEqual(12);
  });

  test('refuse nearly all pairs without the guard of unknown words, except other topics', () => {
    const passed = adversarial.filter(
      ({ family, pair }) => family !== 'topic' && refusal(ENGLISH_RULES, pair, 'en') === undefined,
    );
    expect(passed.length).toBeLessThanOrEqual(4);
  });

  test.each(REFUSALS)(
    'report the guard %s that refused, and pass equal questions',
    (guard, one, other) => {
      expect(refusal(ENGLISH_GUARDS, [one, other])).toBe(guard);
      expect(refusal(ENGLISH_GUARDS, [one, one])).toBeUndefined();
    },
  );
});

describe('any two texts', () => {
  const text = fc.oneof(
    fc.string({ maxLength: 80 }),
    fc.string({ unit: 'grapheme', maxLength: 60 }),
    fc.constantFrom(...everyText),
    fc
      .array(fc.constantFrom(...everyText.flatMap((one) => one.split(' '))), { maxLength: 14 })
      .map((words) => words.join(' ')),
  );

  test('are compared symmetrically', () => {
    fc.assert(
      fc.property(text, text, (one, other) => {
        const [a, b] = [readQuestion(one), readQuestion(other)];
        expect(refusedBy(ENGLISH_GUARDS, a, b) === undefined).toBe(
          refusedBy(ENGLISH_GUARDS, b, a) === undefined,
        );
      }),
      { numRuns: 300 },
    );
  });

  test('pass if they are equal and readable; an unreadable text passes with none', () => {
    fc.assert(
      fc.property(text, (one) => {
        const question = readQuestion(one);
        expect(refusedBy(ENGLISH_GUARDS, question, readQuestion(one)) === undefined).toBe(
          signatureOf(ENGLISH_GUARDS, question) !== undefined,
        );
      }),
      { numRuns: 300 },
    );
  });

  test('pass exactly if their signatures are equal', () => {
    fc.assert(
      fc.property(text, text, (one, other) => {
        const [a, b] = [readQuestion(one, 'en'), readQuestion(other, 'en')];
        const equal =
          signatureOf(ENGLISH_GUARDS, a) !== undefined &&
          signatureOf(ENGLISH_GUARDS, a) === signatureOf(ENGLISH_GUARDS, b);
        expect(refusedBy(ENGLISH_GUARDS, a, b) === undefined).toBe(equal);
      }),
      { numRuns: 300 },
    );
  });

  test('differ if one has a "not" before its last word', () => {
    fc.assert(
      fc.property(fc.constantFrom(...everyText), (one) => {
        const words = one.split(' ');
        const negated = [...words.slice(0, -1), 'not', ...words.slice(-1)].join(' ');
        expect(refusal(ENGLISH_GUARDS, [one, negated], 'en')).toBeDefined();
      }),
    );
  });

  test('differ if one lacks a word other than an article, auxiliary or polite phrase', () => {
    const silent = new Set<string>();
    for (const question of everyText) {
      const words = question.replace(/\?$/, '').split(' ');
      for (const [at, word] of words.entries()) {
        const shorter = words.toSpliced(at, 1).join(' ');
        if (refusal(ENGLISH_GUARDS, [question, shorter], 'en') === undefined)
          silent.add(word.toLowerCase());
      }
    }
    // These come from "from USD to EUR", "how long does shipping take", "tell me", "first quarter
    // of 2024" and "I want to know".
    expect([...silent].sort()).toEqual([
      'a',
      'an',
      'do',
      'does',
      'from',
      'hi,',
      'know',
      'me',
      'of',
      'please',
      'take',
      'the',
      'to',
    ]);
  });

  test('differ if their numbers differ', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 1e9 }),
        fc.integer({ min: 2, max: 1e9 }),
        (one, other) => {
          const passed =
            refusal(ENGLISH_GUARDS, [
              `What is the fee for ${one} shares?`,
              `What is the fee for ${other} shares?`,
            ]) === undefined;
          expect(passed).toBe(one === other);
        },
      ),
    );
  });
});

describe('numbers', () => {
  const texts = (question: string) =>
    tokensOf(question).flatMap(({ kind, text }) =>
      kind === 'number' || kind === 'date' ? text : [],
    );

  test.each([
    ['$1,000 or 1000 dollars', ['1000dollar', '1000dollar']],
    ['5% or 5 percent or five per cent', ['5%', '5%', '5%']],
    ['$1.5 million or $1,500,000 or $1.5M', ['1500000dollar', '1500000dollar', '1500000dollar']],
    ['10k or ten thousand', ['10000', '10000']],
    ['two hundred and five days or 205-day', ['205day', '205day']],
    ['-3% or 3%', ['-3%', '3%']],
    ['€20 or 20 EUR or 20 euros', ['20EUR', '20EUR', '20EUR']],
    ['5kg or 5 kilograms', ['5kg', '5kg']],
    ['3.10 or 3.1', ['3.10', '3.1']],
    ['$3.10 or $3.1', ['3.1dollar', '3.1dollar']],
    ['1.000 or 1 or 1,000', ['1.000', '1', '1000']],
    ['007 or 7', ['007', '7']],
    [
      'March 3, 2024 or 2024-03-03 or 3rd of March 2024',
      ['2024-03-03', '2024-03-03', '2024-03-03'],
    ],
    ['03/04/2024', ['03/04/2024']],
    ['Q1 2024 or the first quarter of 2024', ['2024Q1', '2024Q1']],
    ['3pm or 15:00 or 3:00 PM', ['T15:00', 'T15:00', 'T15:00']],
  ])('%s', (question, expected) => {
    expect(texts(question)).toEqual(expected);
  });

  test('grouping commas do not change a number', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 18n }), (value) => {
        expect(canonicalNumber(value.toLocaleString('en'))).toBe(String(value));
      }),
    );
  });

  test('a magnitude moves the decimal point of a number of any size', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 1n, max: 10n ** 15n }),
        fc.constantFrom(3, 6, 9, 12),
        (value, magnitude) => {
          expect(canonicalNumber(String(value), { magnitude })).toBe(
            `${value}${'0'.repeat(magnitude)}`,
          );
        },
      ),
    );
  });

  test('two different whole numbers keep different forms', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), fc.boolean(), fc.boolean(), (one, other, minus, less) => {
        const write = (value: number, negative: boolean) =>
          canonicalNumber(`${negative ? '-' : ''}${value}`);
        expect(write(one, minus) === write(other, less)).toBe(one === other && minus === less);
      }),
    );
  });
});

describe('exact text', () => {
  test.each(
    pairs(`
      What  is gold ? | what is gold
      How’s the weather? | How's the weather
      What is it! | What is it?
    `),
  )('%j equals %j', (one, other) => {
    expect(exactText(one)).toBe(exactText(other));
  });

  test.each(
    pairs(`
      What is C? | What is C++?
      Who leads us? | Who leads US?
      What is 5! | What is 5
      What is x²? | What is x2?
      Polish shoes? | polish shoes?
      IT costs | it costs
    `),
  )('%j differs from %j', (one, other) => {
    expect(exactText(one)).not.toBe(exactText(other));
  });
});

test('the figures of docs/runtime/semantic.md hold', async () => {
  const { threshold } = new TfIdfEmbedder();
  const rows: Record<string, Record<string, string>> = {};
  const sets: Record<string, readonly Pair[]> = {
    adversarial: adversarial.map(({ pair }) => pair),
    'adversarial, held out': Object.values(HELD_OUT).flat(),
    paraphrases: PARAPHRASES,
    'paraphrases, held out': HELD_OUT_PARAPHRASES,
  };
  for (const [name, pairs] of Object.entries(sets)) {
    const scores = await cosines(pairs);
    const passed = (guards: readonly SemanticGuard[], least: number) =>
      `${
        pairs.filter(
          (pair, at) => (scores[at] ?? 0) >= least && refusal(guards, pair, 'en') === undefined,
        ).length
      } of ${pairs.length}`;
    rows[name] = {
      'TF-IDF at 0.95, no guards': passed([], 0.95),
      [`TF-IDF at ${threshold}, no guards`]: passed([], threshold),
      [`TF-IDF at ${threshold}, guarded`]: passed(ENGLISH_GUARDS, threshold),
      'all alike, guarded': passed(ENGLISH_GUARDS, -1),
      'all alike, ENGLISH_RULES only': passed(ENGLISH_RULES, -1),
    };
    if (name.startsWith('paraphrases')) {
      const through = scores.filter(
        (_, at) => refusal(ENGLISH_GUARDS, pairs[at] as Pair, 'en') === undefined,
      );
      rows[name]['least cosine let through'] = Math.min(...through).toFixed(2);
    }
  }
  process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
  expect(rows.adversarial?.['all alike, guarded']).toBe(`0 of ${adversarial.length}`);
});
