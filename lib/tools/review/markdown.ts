/**
 * Text of others in a comment on GitHub. Escapes of CommonMark do not suffice: GitHub looks for
 * mentions, references and addresses in the text that is drawn. It does not look into code, so what
 * is not a plain word becomes code. The reader sees the same text, and cannot click on it.
 */
import { shortened, visible } from '../../model/visible';

/** The most characters of one value, so that none pushes the others out of the comment. */
const LONGEST = 400;

/** A part of a sentence: the punctuation before, the word and the punctuation after. */
const PART = /^([("'`]*)(.*?)([)"'`.,;:!?…]*)$/u;

/** A word of prose. */
const WORD = /^[\p{L}\p{M}\p{N}%]+(?:[’'-][\p{L}\p{M}\p{N}%]+)*$/u;

/** Dashes, arrows and the like between words. */
const SIGN = /^[→–—…·×]+$/;

/** What GitHub links although it has no special characters: `GH-1`, and hashes of commits. */
const REFERENCE = /gh-\d|[0-9a-f]{7}/i;

/** A sentence: plain words as they are, everything else as code. */
export function prose(sentence: string): string {
  return shortened(sentence, 4 * LONGEST)
    .split(/( +)/)
    .map((part) => {
      const [, before = '', word = '', after = ''] = PART.exec(part) ?? [];
      const isPlain = SIGN.test(word) || (WORD.test(word) && !REFERENCE.test(word));
      const shown = isPlain || word.trim() === '' ? word : asCode(word);
      return before.replace(/`/g, '\\`') + shown + after.replace(/`/g, '\\`');
    })
    .join('');
}

/** A value on one line, as code. */
export function code(value: string): string {
  const text = shortened(value, LONGEST);
  return text === '' ? '(empty)' : asCode(text);
}

function asCode(text: string): string {
  const fence = '`'.repeat(longestRun(text) + 1);
  // CommonMark removes one space from both ends. A backtick there would lengthen the fence.
  const isBare = !/^ .*[^ ].* $|^ [^ ] $|^`|`$/u.test(text);
  return isBare ? fence + text + fence : `${fence} ${text} ${fence}`;
}

/**
 * A value as code in a cell of a table, where GitHub reads `\|` as a pipe, and a backslash before a
 * pipe cannot be written.
 */
export function cell(value: string): string {
  return code(value.replace(/\\(?=\|)/g, '\\u{005C}')).replace(/\|/g, '\\|');
}

/** Lines as a block of code in a language. */
export function block(language: string, lines: readonly string[]): string {
  const text = lines.map(visible).join('\n');
  const fence = '`'.repeat(Math.max(3, longestRun(text) + 1));
  return `${fence}${language}\n${text}\n${fence}`;
}

/** A value on one line, as code of HTML. */
export function htmlCode(value: string): string {
  const text = shortened(value, LONGEST).replace(/[&<>]/g, (char) => ENTITIES[char] as string);
  return `<code>${text}</code>`;
}

/**
 * Content under a title that unfolds it. A block of HTML ends with an empty line, and what follows it
 * at once would be HTML too.
 *
 * @param title on one line, in HTML
 */
export function folded(title: string, content: string): string {
  return `<details><summary>${title}</summary>\n\n${content}\n\n</details>\n`;
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

function longestRun(text: string): number {
  return Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
}
