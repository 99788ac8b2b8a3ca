/**
 * Normalizes the numbers of questions without floating-point arithmetic.
 *
 * An ambiguous number (`1,5`, `1.000`, `007`) keeps its spelling and equals only itself.
 */

import { firstWords, wordSet } from './lexicon';

const MAGNITUDES: Readonly<Record<string, number>> = {
  k: 3,
  thousand: 3,
  m: 6,
  mn: 6,
  million: 6,
  b: 9,
  bn: 9,
  billion: 9,
  t: 12,
  tn: 12,
  trillion: 12,
};

/** Units after a number: the form that is compared, then its synonyms. */
const UNITS = firstWords([
  '% percent pct',
  'bp bps',
  'ms millisecond milliseconds',
  's sec secs second seconds',
  'min mins minute minutes',
  'h hr hrs hour hours',
  'day days',
  'week weeks wk wks',
  'month months',
  'quarter quarters',
  'year years yr yrs',
  'mm millimeter millimeters millimetre millimetres',
  'cm centimeter centimeters centimetre centimetres',
  'm meter meters metre metres',
  'km kilometer kilometers kilometre kilometres',
  'mile miles mi',
  'inch inches',
  'foot feet ft',
  'mg milligram milligrams',
  'g gram grams',
  'kg kilo kilos kilogram kilograms',
  'ton tons',
  'oz ounce ounces',
  'lb lbs',
  'pound pounds',
  'ml milliliter milliliters millilitre millilitres',
  'l liter liters litre litres',
  'kb',
  'mb',
  'gb',
  'tb',
  'kib',
  'mib',
  'gib',
  'kw',
  'kwh',
  'mw',
  'gw',
  'mph',
  'kmh',
  'dollar dollars',
  'cent cents',
  'EUR euro euros',
  'JPY yen',
]);

/** Currency codes that are not English words in lower case, so that `usd` equals `USD`. */
const CURRENCY_CODES = wordSet(`
  usd eur gbp jpy chf aud nzd cad cny cnh inr sek nok dkk krw sgd hkd brl mxn pln czk huf rub
  zar thb idr ils btc eth usdt usdc
`);

const SYMBOLS: Readonly<Record<string, string>> = {
  $: 'dollar',
  US$: 'USD',
  '€': 'EUR',
  '£': 'GBP',
  '¥': '¥',
  '₹': 'INR',
};

/**
 * The unit that a word after a number stands for; undefined for any other word. `m`
 * stays `m`: without a currency sign, it may mean meters or millions.
 */
export function unitOf(word: string): string | undefined {
  const lower = word.toLowerCase();
  if (CURRENCY_CODES.has(lower)) return lower.toUpperCase();
  if (word === 'W' || word === 'V' || word === 'A') return word;
  return Object.hasOwn(UNITS, lower) ? UNITS[lower] : undefined;
}

/** The code of a currency that is named without an amount; undefined for any other word. */
export function currencyOf(word: string): string | undefined {
  const lower = word.toLowerCase();
  if (CURRENCY_CODES.has(lower)) return lower.toUpperCase();
  return lower === 'euro' || lower === 'euros' ? 'EUR' : lower === 'yen' ? 'JPY' : undefined;
}

/**
 * The power of ten that a word such as `million` or `k` stands for; undefined for any other word.
 */
export function magnitudeOf(word: string): number | undefined {
  const lower = word.toLowerCase();
  return Object.hasOwn(MAGNITUDES, lower) ? MAGNITUDES[lower] : undefined;
}

/**
 * The unit that a currency sign before a number stands for. A bare `$` is the dollar of an unknown
 * country, not USD.
 */
export function currencySign(sign: string): string {
  return SYMBOLS[sign] ?? sign;
}

/**
 * Normalizes a number: `1,000`, `1000` and `1` with a magnitude of 3 become `1000`.
 *
 * Digits after the point stay as they are unless the number is `measured`, that is, has a unit:
 * `3.10` may be another version than `3.1`.
 */
export function canonicalNumber(
  written: string,
  options: { magnitude?: number; measured?: boolean } = {},
): string {
  const sign = /^[-−]/.test(written) ? '-' : '';
  const digits = written.replace(/^[-−+]/, '');
  const grouped = /^\d{1,3}(,\d{3})+(\.\d+)?$/.test(digits);
  const plain = grouped ? digits.replaceAll(',', '') : digits;
  const shape = /^(\d+)(?:\.(\d+))?$/.exec(plain);
  const magnitude = options.magnitude ?? 0;
  const ambiguous =
    !shape || (!grouped && /^[1-9]\d{0,2}\.\d{3}$/.test(plain)) || /^0\d/.test(plain);
  if (ambiguous) return `${sign}${digits}${magnitude > 0 ? `e${magnitude}` : ''}`;
  const whole = shape[1] ?? '';
  const fraction = shape[2] ?? '';
  if (magnitude === 0 && !options.measured) return `${sign}${whole}${fraction && `.${fraction}`}`;
  const shifted = fraction.padEnd(magnitude, '0');
  const integer = `${whole}${shifted.slice(0, magnitude)}`.replace(/^0+(?=\d)/, '');
  const rest = shifted.slice(magnitude).replace(/0+$/, '');
  return `${sign}${integer}${rest && `.${rest}`}`;
}

const ONES = [
  ...wordSet(`
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen
    fifteen sixteen seventeen eighteen nineteen
  `),
];
const TENS = 'twenty thirty forty fifty sixty seventy eighty ninety'.split(' ');

function valueOfWord(word: string): number | undefined {
  const one = ONES.indexOf(word);
  if (one >= 0) return one;
  const ten = TENS.indexOf(word);
  return ten >= 0 ? (ten + 2) * 10 : undefined;
}

/**
 * The number that the first words spell, and how many words it takes: `two hundred and five` is 205
 * in four words. Undefined if the first word is not a number.
 */
export function spelledNumber(
  words: readonly string[],
): { value: number; length: number } | undefined {
  let total = 0;
  let group: number | undefined;
  let length = 0;
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? '';
    const value = valueOfWord(word);
    const scale =
      word === 'hundred'
        ? 100
        : word.length > 2 && magnitudeOf(word)
          ? 10 ** (magnitudeOf(word) ?? 0)
          : undefined;
    if (
      value !== undefined &&
      (group === undefined ||
        (group % 100 === 0 && value < 100) ||
        (group % 10 === 0 && group % 100 >= 20 && value < 10))
    ) {
      group = (group ?? 0) + value;
    } else if (scale === 100 && group !== undefined && group < 10) {
      group *= 100;
    } else if (scale !== undefined && scale > 100 && group !== undefined) {
      total += group * scale;
      group = 0;
    } else if (
      word === 'and' &&
      length > 0 &&
      words[at - 1] === 'hundred' &&
      valueOfWord(words[at + 1] ?? '') !== undefined
    ) {
      continue;
    } else break;
    length = at + 1;
  }
  return group === undefined ? undefined : { value: total + group, length };
}
