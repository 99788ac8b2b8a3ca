import fc from 'fast-check';
import {
  type ContentCoding,
  negotiateCoding,
  negotiateLanguage,
} from '../../../lib/runtime/responses/negotiation';

describe('negotiateLanguage', () => {
  // "Lookup", RFC 4647, section 3.4, is the source of the cases with subtags.
  const cases: Record<string, [header: string, offered: [string, ...string[]], expected: string]> =
    {
      'an empty header selects the default': ['', ['en', 'de'], 'en'],
      'a range selects its language': ['de', ['en', 'de'], 'de'],
      'a range falls back to a shorter language, in any case': ['DE-ch', ['en', 'de'], 'de'],
      'a range does not select a longer language': ['de', ['en', 'de-CH'], 'en'],
      'a range loses one subtag at a time': ['zh-Hant-TW', ['en', 'zh-Hant', 'zh'], 'zh-Hant'],
      'a single letter is dropped with the subtag after it': ['zh-x-a', ['en', 'zh-x', 'zh'], 'zh'],
      'a range that is not offered is skipped': ['fr, de;q=0.5', ['en', 'de'], 'de'],
      'the higher weight wins': ['de;q=0.5, fr;q=0.6', ['de', 'fr'], 'fr'],
      'the earlier range wins at equal weights': ['de;q=0.5, fr;q=0.5', ['fr', 'de'], 'de'],
      'an asterisk selects the default': ['*', ['en', 'de'], 'en'],
      'an asterisk does not select a refused language': ['en;q=0, *', ['en', 'de'], 'de'],
      'the default is used even if it is refused': ['en;q=0', ['en'], 'en'],
      'an item with a malformed weight is skipped': ['de;q=2, fr', ['en', 'de', 'fr'], 'fr'],
      'an oversized header counts as absent': ['de,'.repeat(400), ['en', 'de'], 'en'],
    };
  test.each(Object.entries(cases))('%s', (_name, [header, offered, expected]) => {
    expect(negotiateLanguage(header, offered)).toBe(expected);
  });

  const tag = fc.constantFrom(
    'en',
    'de',
    'de-ch',
    'de-ch-1996',
    'zh',
    'zh-hant',
    'zh-hant-tw',
    'fr',
    'en-gb',
  );
  const range = fc.record({
    value: fc.oneof(tag, fc.constant('*')),
    thousandths: fc.constantFrom(0, 1, 500, 501, 1000),
  });

  test('selects the language that a naive search finds', () => {
    fc.assert(
      fc.property(
        fc.array(range, { maxLength: 5 }),
        fc.uniqueArray(tag, { minLength: 1, maxLength: 5 }),
        (ranges, offered) => {
          const header = ranges
            .map(({ value, thousandths }) => `${value};q=${(thousandths / 1000).toFixed(3)}`)
            .join(', ');
          expect(negotiateLanguage(header, offered as [string, ...string[]])).toBe(
            naiveLanguage(ranges, offered),
          );
        },
      ),
      { numRuns: 2000 },
    );
  });
});

/** Ranks every pair of a range and a language, and takes the best. */
function naiveLanguage(
  ranges: readonly { value: string; thousandths: number }[],
  offered: readonly string[],
): string | undefined {
  const refused = (language: string) => {
    const covering = ranges.filter(({ value }) => `${language}-`.startsWith(`${value}-`));
    const longest = Math.max(...covering.map(({ value }) => value.length));
    return covering.find(({ value }) => value.length === longest)?.thousandths === 0;
  };
  const acceptable = offered.filter((language) => !refused(language));
  const pairs = ranges.flatMap(({ value, thousandths }, order) =>
    acceptable
      .filter(
        (language) => thousandths > 0 && (value === '*' || `${value}-`.startsWith(`${language}-`)),
      )
      .map((language, place) => ({
        language,
        thousandths,
        order,
        length: value === '*' ? -place : language.length,
      })),
  );
  pairs.sort((a, b) => b.thousandths - a.thousandths || a.order - b.order || b.length - a.length);
  return pairs[0]?.language ?? acceptable[0] ?? offered[0];
}

describe('negotiateCoding', () => {
  const both: ContentCoding[] = ['br', 'gzip'];
  const cases: Record<string, [header: string | undefined, expected: ContentCoding]> = {
    'no header': [undefined, 'identity'],
    'an empty header': ['', 'identity'],
    'both codings': ['gzip, br', 'br'],
    'one coding': ['gzip', 'gzip'],
    'the old name of gzip': ['x-gzip', 'gzip'],
    'a higher weight of gzip': ['br;q=0.5, gzip;q=0.8', 'gzip'],
    'an asterisk beside a refused coding': ['br;q=0, *', 'gzip'],
    'an asterisk': ['*;q=0.1', 'br'],
    'a low weight, and identity not named': ['gzip;q=0.2', 'gzip'],
    'a lower weight than that of identity': ['gzip;q=0.2, identity;q=0.3', 'identity'],
    'an unavailable coding': ['deflate', 'identity'],
    'a refused identity only': ['identity;q=0', 'identity'],
    'the least weight, and a refused identity': ['identity;q=0, gzip;q=0.001', 'gzip'],
    'a refusal of everything': ['*;q=0', 'identity'],
    'a malformed weight': ['br;q=x, gzip', 'gzip'],
    'capitals and spaces': ['GZIP ; Q=1', 'gzip'],
  };
  test.each(Object.entries(cases))('selects a coding for %s', (_name, [header, expected]) => {
    expect(negotiateCoding(header, both)).toBe(expected);
  });

  test('selects the coding that a naive reading finds', () => {
    const item = fc.record({
      value: fc.constantFrom('br', 'gzip', 'identity', '*', 'deflate'),
      tenths: fc.integer({ min: 0, max: 10 }),
    });
    fc.assert(
      fc.property(
        fc.uniqueArray(item, { selector: ({ value }) => value, maxLength: 5 }),
        (items) => {
          const header = items.map(({ value, tenths }) => `${value};q=${tenths / 10}`).join(',');
          const given = (coding: string) =>
            items.find(({ value }) => value === coding)?.tenths ??
            items.find(({ value }) => value === '*')?.tenths;
          const ranked = [
            ['br', given('br') ?? 0],
            ['gzip', given('gzip') ?? 0],
            ['identity', given('identity') ?? 0.5],
          ] as const;
          const best = Math.max(...ranked.map(([, weight]) => weight));
          const expected =
            best === 0 ? 'identity' : ranked.find(([, weight]) => weight === best)?.[0];
          expect(negotiateCoding(header, both)).toBe(expected);
        },
      ),
      { numRuns: 2000 },
    );
  });
});
