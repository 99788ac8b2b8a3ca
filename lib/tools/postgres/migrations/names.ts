import type { SqlName } from '../../../model/sql';

/** Quotes the parts of a name, so that SQL accepts any name. */
export function quoteName(...parts: readonly string[]): string {
  return parts.map((part) => `"${part.replaceAll('"', '""')}"`).join('.');
}

/** A name as SQL accepts it, for a statement or for `to_regclass`. */
export function quoted({ schema, name }: SqlName): string {
  return schema === undefined ? quoteName(name) : quoteName(schema, name);
}

/** A name as a person reads it. */
export function shown({ schema, name }: SqlName): string {
  return schema === undefined ? name : `${schema}.${name}`;
}
