/**
 * What the command line writes to the terminal. Names, URLs, SQL and the errors of servers are text
 * of others: whatever a terminal would obey is written as its code.
 */
import { visibleJson, visibleLines } from '../../lib/model/visible';

/** Prints a text of one or several lines. */
export function print(text: string): void {
  console.log(visibleLines(text));
}

/** Prints a text of one or several lines as an error. */
export function printError(text: string): void {
  console.error(visibleLines(text));
}

/** Prints a value as JSON. */
export function printJson(value: unknown): void {
  console.log(visibleJson(value));
}
