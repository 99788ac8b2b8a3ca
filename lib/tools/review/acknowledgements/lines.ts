/**
 * The lines of a Markdown text that acknowledge a loss and that everybody sees as such. A line in a
 * quote, in code, in a comment or in folded text was not written, or not seen, by those who read the
 * page. A line that might be one of these does not count.
 */

/** What stands after `Acknowledge:` in one line. */
export interface AcknowledgementLine {
  /** Without blanks at both ends. */
  readonly value: string;
  readonly visible: boolean;
}

const MENTION = /acknowledge:/i;
const LINE = /^ {0,3}Acknowledge:(.*)$/;

/**
 * The beginning of HTML. It may hide what follows, or fold it.
 */
const HTML = /<[A-Za-z/!?]/;

/** What may hide or change all that follows, through paragraphs: HTML, fences, math, footnotes. */
const OPENS = new RegExp(`${HTML.source}|\`\`\`|~~~|\\$\\$|\\[\\^`);

/** What may hide or change the rest of a paragraph: code, links, strikes, quotes, escapes. */
const INLINE = /[`[\]~$\\]|^\s*([-*+]\s+|\d+[.)]\s+)*>/;

/** All lines of the text that mention an acknowledgement, in order. */
export function acknowledgementLines(text: string): AcknowledgementLine[] {
  const found: AcknowledgementLine[] = [];
  let isOpen = false;
  let isInline = false;
  for (const line of text.split(/\r\n|[\n\r]/)) {
    if (line.trim() === '') isInline = false;
    const value = LINE.exec(line)?.[1]?.trim();
    if (MENTION.test(line)) {
      const visible = value !== undefined && !isOpen && !isInline && !HTML.test(line);
      found.push({ value: value ?? line.trim(), visible });
    }
    isOpen ||= OPENS.test(line);
    isInline ||= INLINE.test(line);
  }
  return found;
}
