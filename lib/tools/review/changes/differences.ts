import { isObject, resolved, SHOWN_CHARACTERS, shown, text } from '../template-values';

/** One property that differs, with its values as text. */
export interface LeafDifference {
  /** The path of the property, such as `DistributionConfig.CacheBehaviors.2.PathPattern`. */
  readonly name: string;
  /** Missing if the property is new. */
  readonly before?: string;
  /** Missing if the property is gone. */
  readonly after?: string;
}

/**
 * The differences of two values, as deep as both have the same structure. Lists of different length
 * are compared by their items: each item that only one list contains is a difference.
 */
export function leafDifferences(name: string, before: unknown, after: unknown): LeafDifference[] {
  if (text(before) === text(after)) return [];
  if (Array.isArray(before) && Array.isArray(after)) {
    if (before.length === after.length)
      return before.flatMap((each, i) => leafDifferences(`${name}.${i}`, each, after[i]));
    const removed = before.filter((each) => !after.some((other) => text(other) === text(each)));
    const added = after.filter((each) => !before.some((other) => text(other) === text(each)));
    if (removed.length + added.length === 0)
      return [{ name, before: `${before.length} items`, after: `${after.length} items` }];
    return [
      ...removed.map((each) => ({ name, before: shown(each) })),
      ...added.map((each) => ({ name, after: shown(each) })),
    ];
  }
  if (isPlainObject(before) && isPlainObject(after)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
    return keys.flatMap((key) => leafDifferences(`${name}.${key}`, before[key], after[key]));
  }
  return [
    {
      name,
      ...(before === undefined ? {} : { before: excerpt(before, after) }),
      ...(after === undefined ? {} : { after: excerpt(after, before) }),
    },
  ];
}

/** The part of a long text, such as a function's code, around its first difference from another. */
function excerpt(value: unknown, other: unknown): string {
  const [whole, otherWhole] = [text(value), text(other)];
  if (other === undefined || whole.length <= SHOWN_CHARACTERS) return shown(value);
  const firstDifference = [...whole].findIndex((char, i) => char !== otherWhole[i]);
  const start = Math.max(0, (firstDifference < 0 ? whole.length : firstDifference) - 20);
  return start === 0 ? shown(whole) : shown(`…${whole.slice(start)}`);
}

/** Whether the value is an object, and not an intrinsic function. */
function isPlainObject(value: unknown): value is Record<string, unknown> {
  return isObject(value) && isObject(resolved(value));
}
