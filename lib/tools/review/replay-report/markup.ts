/**
 * HTML in which everything is text unless our own code wrote it as markup. A log is written by
 * whoever sends requests, so no value of a report reaches the page in another way.
 */
const MARKUP = Symbol('markup');

/** Markup that is safe to write. The symbol keeps JSON from looking like it. */
export interface Markup {
  readonly [MARKUP]: string;
}

export type Content = string | number | undefined | Markup | readonly Content[];

/**
 * Escapes what is put into the template, in text and in quoted attributes, except for other markup.
 */
export function html(strings: TemplateStringsArray, ...values: readonly Content[]): Markup {
  return trusted(
    strings.reduce((written, string, i) => written + rendered(values[i - 1]) + string),
  );
}

/** Markup from elsewhere, whose maker has escaped it. */
export function trusted(markup: string): Markup {
  return { [MARKUP]: markup };
}

export function rendered(content: Content): string {
  if (content === undefined) return '';
  if (typeof content === 'number') return String(content);
  if (typeof content === 'string') return escaped(content);
  return MARKUP in content ? content[MARKUP] : content.map(rendered).join('');
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escaped(text: string): string {
  return visible(text).replace(/[&<>"']/g, (character) => ENTITIES[character] as string);
}

/**
 * Control and format characters as their code, such as `\u{202E}`, which would otherwise turn the
 * rest of a line around: "Bidirectional Text Spoofing", Unicode Technical Report 36.
 */
export function visible(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu,
    (character) =>
      `\\u{${(character.codePointAt(0) as number).toString(16).toUpperCase().padStart(4, '0')}}`,
  );
}

/** At most `length` characters: the middle is left out, because URLs differ at their ends. */
export function shortened(text: string, length: number): string {
  const characters = [
    ...visible(
      text.length > 2 * TITLE_CHARACTERS
        ? text.slice(0, TITLE_CHARACTERS) + text.slice(-TITLE_CHARACTERS)
        : text,
    ),
  ];
  if (characters.length <= length) return characters.join('');
  const tail = Math.floor((length - 1) / 2);
  return `${characters.slice(0, length - 1 - tail).join('')}…${characters.slice(characters.length - tail).join('')}`;
}

/**
 * What a title holds at most: the page stays of a size that a phone opens, whatever the log has.
 */
const TITLE_CHARACTERS = 2000;

/** Something from the log or the assembly, as code; its full text is in the title if it is cut. */
export function code(text: string, length = 80): Markup {
  const short = shortened(text, length);
  return short === visible(text)
    ? html`<code>${short}</code>`
    : html`<code title="${shortened(text, TITLE_CHARACTERS)}">${short}</code>`;
}
