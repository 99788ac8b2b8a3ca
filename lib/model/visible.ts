/**
 * Text of others in the eyes of a reader: names from templates, URLs from logs, SQL from files.
 * Whoever wrote it chose its characters, and must not thereby move the cursor, color, hide or
 * reverse what the reader sees.
 */

/**
 * Characters that are not drawn: control, format, surrogates alone, private use, unassigned, and
 * separators of lines and paragraphs. Format characters reverse a line or hide in it: "Bidirectional
 * Text Spoofing", Unicode Technical Report 36.
 */
const INVISIBLE = new RegExp(
  [
    '[\\p{Cc}\\p{Cf}\\p{Cs}\\p{Co}\\p{Cn}\\p{Zl}\\p{Zp}]',
    // Blanks that are letters or signs, and the selectors of variants.
    '[\\u115F\\u1160\\u2800\\u3164\\uFFA0]',
    '[\\u034F\\u17B4\\u17B5\\uFE00-\\uFE0F]',
    '[\\u{E0100}-\\u{E01EF}]',
  ].join('|'),
  'gu',
);

/** The same, without the line break and the tab that our own texts have. */
const INVISIBLE_IN_LINES = new RegExp(`(?![\\n\\t])(?:${INVISIBLE.source})`, 'gu');

/** The text on one line, with each character that is not drawn as its code, such as `\u{202E}`. */
export function visible(text: string): string {
  return text.replace(INVISIBLE, codeOf);
}

/** A text of several lines for a terminal. Only line breaks and tabs stay as they are. */
export function visibleLines(text: string): string {
  return text.replace(INVISIBLE_IN_LINES, codeOf);
}

/** A value as JSON whose text has only characters that are drawn, and line breaks. */
export function visibleJson(value: unknown, indent = 2): string {
  return JSON.stringify(value, null, indent).replace(INVISIBLE_IN_LINES, (character) =>
    Array.from({ length: character.length }, (_, i) => character.charCodeAt(i))
      .map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`)
      .join(''),
  );
}

/**
 * The text on one line as by `visible`, shortened to a number of characters by its middle, because
 * paths and URLs differ at their ends.
 */
export function shortened(text: string, length: number): string {
  // The rest of a very long text is not needed for either end.
  const ends = text.length > 2 * length ? text.slice(0, length) + text.slice(-length) : text;
  const characters = [...visible(ends)];
  if (ends === text && characters.length <= length) return characters.join('');
  const tail = Math.floor((length - 1) / 2);
  const start = characters.slice(0, length - 1 - tail).join('');
  return `${start}…${characters.slice(characters.length - tail).join('')}`;
}

function codeOf(character: string): string {
  const code = (character.codePointAt(0) as number).toString(16).toUpperCase().padStart(4, '0');
  return `\\u{${code}}`;
}
