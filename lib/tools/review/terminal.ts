/** What reports for a terminal share. */

/** `1 stack`, `2 stacks`. */
export function counted(count: number, noun: string, plural = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : plural}`;
}

/**
 * A table of cli-table3 without the rules between its rows, which would double its length. The rule
 * under the head and the frame stay.
 */
export function withoutRowRules(table: string): string {
  return table
    .split('\n')
    .filter((line, i) => i === 2 || !line.startsWith('├'))
    .join('\n');
}
