const CLOCK_WORDS = new Set(['now', 'today', 'tomorrow', 'yesterday']);
/** The longest zone without a slash, and the longest day of the week: `greenwich`, `wednesday`. */
const MAX_OTHER_WORD = 9;
/** A day of the week, `at` or `on`, and a zone. */
const MAX_OTHER_WORDS = 3;

/**
 * Whether a text may depend on the clock when PostgreSQL casts it to a date or a time: one of four
 * words, with little around it, also within a range or an array (`[yesterday,12:00 today)`).
 * A longer text, such as `the headlines of today’s edition`, is no time.
 */
export function isClockText(text: string): boolean {
  const words = text.toLowerCase().match(/[a-z_]+(?:\/[a-z_]+)*/g) ?? [];
  const clockWords = words.filter((word) => CLOCK_WORDS.has(word)).length;
  return (
    clockWords > 0 &&
    words.length <= clockWords * (1 + MAX_OTHER_WORDS) &&
    words.every((word) => word.length <= MAX_OTHER_WORD || word.includes('/'))
  );
}
