/**
 * What the command line writes to the terminal. Names, URLs, SQL and the errors of servers are text
 * of others: whatever a terminal would obey is written as its code.
 */
import { visibleJson, visibleLines } from '../lib/model/visible';

/** Prints a text of one or several lines. */
export function print(text: string): void {
  console.log(visibleLines(text));
}

/** Prints a text of one or several lines as an error. */
export function printError(text: string): void {
  console.error(visibleLines(text));
}

/**
 * Prints a text with colors. Whoever colored it has written the text of others by `visible`: a color
 * of theirs would be obeyed.
 */
export function printColored(text: string): void {
  const parts = text.split(COLORS);
  console.log(parts.map((part, i) => (i % 2 === 0 ? visibleLines(part) : part)).join(''));
}

/** The escapes of colors and weights, which `split` keeps as every second part. */
const COLORS = new RegExp(`(${'\u001b'}\\[\\d{1,2}m)`);

/** Prints a value as JSON, on one line or, with an indent, on several. */
export function printJson(value: unknown, indent = 2): void {
  console.log(visibleJson(value, indent));
}
