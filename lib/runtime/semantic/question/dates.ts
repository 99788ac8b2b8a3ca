/**
 * Normalizes dates, quarters and times of day as English writes them. An ambiguous date
 * (`01/03/2024`) equals only itself.
 */

const MONTHS =
  'january february march april may june july august september october november december'.split(
    ' ',
  );
const MONTH =
  'Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|' +
  'Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?';
const ORDINAL = 'first|second|third|fourth|last|1st|2nd|3rd|4th';
const DAY = String.raw`\d{1,2}(?:st|nd|rd|th)?`;
/** No letter or digit follows. */
const TOKEN_END = String.raw`(?![\p{L}\d])`;

/** Sources of regular expressions, which are tried in order. */
export const DATE_PATTERNS: readonly string[] = [
  String.raw`\d{4}-\d{2}-\d{2}(?:T[\d:.]+(?:Z|[+-]\d\d:?\d\d)?)?${TOKEN_END}`,
  String.raw`\d{1,2}[\/.]\d{1,2}[\/.](?:\d{4}|\d{2})${TOKEN_END}`,
  String.raw`(?:${MONTH})\.? (?:the )?${DAY}(?:,? \d{4})?${TOKEN_END}`,
  String.raw`${DAY} (?:of )?(?:${MONTH})(?:,? \d{4})?${TOKEN_END}`,
  String.raw`(?:${MONTH}),? (?:of )?\d{4}${TOKEN_END}`,
  String.raw`[QH][1-4](?: (?:of )?(?:FY)?\d{4})?${TOKEN_END}|\d{4} ?Q[1-4]${TOKEN_END}`,
  String.raw`(?:${ORDINAL}) quarter(?:(?: of)? \d{4})?${TOKEN_END}`,
  String.raw`FY ?'?\d{2,4}${TOKEN_END}|fiscal (?:year )?\d{4}${TOKEN_END}`,
  String.raw`\d{1,2}:\d{2}(?: ?[ap]\.?m${TOKEN_END}\.?)?|\d{1,2} ?[ap]\.?m${TOKEN_END}`,
];

function monthOf(name: string): number {
  return MONTHS.findIndex((month) => month.startsWith(name.slice(0, 3).toLowerCase())) + 1;
}

const two = (value: number | string) => String(value).padStart(2, '0');

/** Normalizes a date that one of the patterns matched. */
export function dateOf(written: string): string {
  const text = written
    .toLowerCase()
    .replaceAll(',', '')
    .replaceAll(' the ', ' ')
    .replaceAll(' of ', ' ');
  const quarter = /q([1-4])/.exec(text)?.[1] ?? quarterOf(text);
  const year = /\d{4}/.exec(text)?.[0];
  if (quarter) return `${year ?? ''}Q${quarter}`;
  const half = /^h([12])/.exec(text)?.[1];
  if (half) return `${year ?? ''}H${half}`;
  if (text.startsWith('f')) {
    const digits = /\d+/.exec(text)?.[0] ?? '';
    return `FY${digits.length === 2 ? `20${digits}` : digits}`;
  }
  const clock = /^(\d{1,2})(?::(\d{2}))? ?([ap])?\.?m?\.?$/.exec(text);
  if (clock) {
    const hour = Number(clock[1]);
    const half12 = clock[3];
    const hours = half12 === undefined ? hour : (hour % 12) + (half12 === 'p' ? 12 : 0);
    return `T${two(hours)}:${clock[2] ?? '00'}`;
  }
  const named = /([a-z]{3,})/.exec(text.replace(/\d(st|nd|rd|th)/g, (all) => all.slice(0, 1)))?.[1];
  if (named === undefined || !monthOf(named)) return text.replaceAll(' ', '_').toUpperCase();
  const day = /(?<!\d)\d{1,2}(?!\d)/.exec(text.replace(/(\d)(st|nd|rd|th)/g, '$1'))?.[0];
  return [year ?? '-', two(monthOf(named)), ...(day ? [two(day)] : [])].join('-');
}

function quarterOf(text: string): string | undefined {
  const name = /^(first|second|third|fourth|1st|2nd|3rd|4th|last) quarter/.exec(text)?.[1];
  if (name === undefined) return undefined;
  if (name === 'last') return '-last';
  const index = ['first', 'second', 'third', 'fourth'].indexOf(name);
  return String(index >= 0 ? index + 1 : name[0]);
}
