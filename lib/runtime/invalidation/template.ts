import { describeKind, describeValue, IsochroneError } from '../../model/errors';

/** The most texts that one template may make of the lists in an event. */
const MAX_TEXTS = 1000;

/**
 * A text with fields of an event in braces, such as `portfolio:{userId}` or
 * `quote:{order.symbols}`.
 */
export interface InvalidationTemplate {
  readonly source: string;
  /** The literal texts: one before each field, and one after the last field. */
  readonly texts: readonly string[];
  /** The names of the fields between the texts. */
  readonly fields: readonly string[];
}

/**
 * @param where the rule that the template belongs to, for error messages
 * @throws IsochroneError for braces that do not contain the name of a field
 */
export function parseTemplate(source: string, where: string): InvalidationTemplate {
  const parts =
    typeof source === 'string' ? source.split(/\{([A-Za-z_$][\w$-]*(?:\.[\w$-]+)*)\}/) : [];
  const texts = parts.filter((_, i) => i % 2 === 0);
  if (parts.length === 0 || source === '' || texts.some((text) => /[{}]/.test(text))) {
    throw new IsochroneError(
      `${where}: the template must be text in which braces hold the name of a field, ` +
        `got ${describeValue(source)}.\n` +
        'Fields of the event stand in braces, with dots to reach inner ones. ' +
        'Write it like "portfolio:{userId}".',
    );
  }
  return { source, texts, fields: parts.filter((_, i) => i % 2 === 1) };
}

/**
 * An own field of an object, by its name, or by names with dots between them for inner fields;
 * undefined if it is absent.
 */
function fieldOf(detail: unknown, field: string): unknown {
  let value = detail;
  for (const name of field.split('.')) {
    if (value === null || typeof value !== 'object' || !Object.hasOwn(value, name))
      return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

function asText(value: unknown): string | undefined {
  if (typeof value === 'string') return value === '' ? undefined : value;
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : undefined;
  return typeof value === 'boolean' || typeof value === 'bigint' ? String(value) : undefined;
}

/**
 * The texts that a template makes of an event: one text, or one for each element of a field that is
 * a list.
 *
 * @param escaped escapes a value before it is filled in; the template's own text is not escaped
 * @param where the rule and the event, for error messages
 * @throws IsochroneError for a field that the event does not have: without it, the text would name
 * another target
 */
export function fillTemplate(
  template: InvalidationTemplate,
  detail: unknown,
  escaped: (value: string) => string,
  where: string,
): readonly string[] {
  const [first = '', ...rest] = template.texts;
  let filled = [first];
  for (const [i, field] of template.fields.entries()) {
    const found = fieldOf(detail, field);
    const values = (Array.isArray(found) ? [...new Set(found)] : [found]).map((value) => {
      const text = asText(value);
      if (text !== undefined) return escaped(text);
      throw new IsochroneError(
        `${where}: the field ${field} of ${describeValue(template.source)} must be text, ` +
          `a number or a list of those, got ${describeKind(value)}.\n` +
          'Without it, the template would name something that was never cached. ' +
          'Send the field with the event, or take it out of the rule.',
      );
    });
    if (filled.length * values.length > MAX_TEXTS) {
      throw new IsochroneError(
        `${where}: ${describeValue(template.source)} must make at most ${MAX_TEXTS} texts, ` +
          `got ${filled.length * values.length}.\n` +
          'Each element of a list makes one. Give the values a common tag, and name that.',
      );
    }
    filled = filled.flatMap((text) => values.map((value) => text + value + (rest[i] ?? '')));
  }
  return filled;
}

/**
 * Escapes a value so that it matches only itself in a pattern of SCAN. The special characters are
 * those of https://redis.io/docs/latest/commands/keys/.
 */
export function escapeGlob(value: string): string {
  return value.replace(/[*?[\]\\]/g, '\\$&');
}

/** Escapes a value as one segment of a path. An asterisk at its end would be a wildcard. */
export function escapePathPiece(value: string): string {
  // A lone surrogate cannot be part of a URL. The conversion to UTF-8 turns it into U+FFFD.
  return encodeURIComponent(Buffer.from(value).toString()).replaceAll('*', '%2A');
}
