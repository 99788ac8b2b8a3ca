/** Values of a template: plain JSON, or intrinsic functions that only a deployment resolves. */

/** Whether a value is an object: not a list, not null, not a scalar. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

/** The value if it is an object, otherwise an empty object. */
export function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return isObject(value) ? value : {};
}

/**
 * The entry of a record whose keys a stranger chose. Without it, `constructor` would be found in
 * every record.
 */
export function ownEntry<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

/**
 * The items of a list. Some properties of CloudFormation wrap the list in an object as `Items`.
 *
 * @param otherwise for a value that is not a list, such as the value itself where a property takes
 *   one item or many
 */
export function listOf(value: unknown, otherwise: readonly unknown[] = []): readonly unknown[] {
  if (Array.isArray(value)) return value;
  const { Items } = objectOf(value);
  return Array.isArray(Items) ? Items : otherwise;
}

/**
 * A value as plain text. A reference becomes the logical ID that it names; `Fn::Join` and `Fn::Sub`
 * are filled with such IDs; `Fn::Select`, `Fn::Split` and a list become their first text. The text
 * of an absent value is empty.
 */
export function textOf(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (typeof value !== 'object') return String(value);
  if (Array.isArray(value)) return value.map(textOf).find((part) => part !== '') ?? '';
  const [name, argument] = Object.entries(value)[0] ?? [];
  if (name === 'Fn::Join' && Array.isArray(argument))
    return listOf(argument[1]).map(textOf).join(textOf(argument[0]));
  if (name === 'Fn::Sub') {
    const template = textOf(Array.isArray(argument) ? argument[0] : argument);
    return template.replace(/\$\{([^}]*)\}/g, '$1');
  }
  if (name === 'Fn::GetAtt' && typeof argument === 'string') return argument.split('.')[0] ?? '';
  if ((name === 'Fn::Select' || name === 'Fn::Split') && Array.isArray(argument))
    return textOf(argument[1]);
  return textOf(argument);
}
