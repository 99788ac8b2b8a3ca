/**
 * HTML in which every value is escaped unless our own code wrote it as markup. A log contains
 * whatever a client sends, so no value of a report may reach the page unescaped.
 */
import { shortened, visible } from '../../../model/visible';

const MARKUP = Symbol('markup');

/** Markup that is safe to write. JSON cannot forge it, because it has no symbols. */
export interface Markup {
  readonly [MARKUP]: string;
}

export type Content = string | number | undefined | Markup | readonly Content[];

/**
 * Escapes the values of the template, in text and in quoted attributes, except for other markup.
 */
export function html(strings: TemplateStringsArray, ...values: readonly Content[]): Markup {
  return trusted(
    strings.reduce((written, string, i) => written + rendered(values[i - 1]) + string),
  );
}

/** Marks text as markup. The caller vouches that its values are escaped. */
export function trusted(markup: string): Markup {
  return { [MARKUP]: markup };
}

/** The HTML text of the content. */
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

/** The most characters of a `title` attribute, so that a phone can open the page of any log. */
const TITLE_CHARACTERS = 2000;

/**
 * A value from the log or the assembly as code. Its full text is in the title if it is shortened.
 */
export function code(text: string, length = 80): Markup {
  const short = shortened(text, length);
  return short === visible(text)
    ? html`<code>${short}</code>`
    : html`<code title="${shortened(text, TITLE_CHARACTERS)}">${short}</code>`;
}
