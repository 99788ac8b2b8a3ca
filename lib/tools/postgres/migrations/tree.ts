import type { NodeOf } from '../../../model/sql';

type Fields = Readonly<Record<string, unknown>>;

/** All objects in a tree of the parser, without recursion, so that no depth of nesting ends it. */
export function objectsIn(tree: unknown): Fields[] {
  const found: Fields[] = [];
  const left: unknown[] = [tree];
  while (left.length > 0) {
    const next = left.pop();
    if (typeof next !== 'object' || next === null) continue;
    if (!Array.isArray(next)) found.push(next as Fields);
    left.push(...Object.values(next));
  }
  return found;
}

/** All names of tables, views and indexes that stand in a tree with their place in the text. */
export function relationsIn(tree: unknown): NodeOf<'RangeVar'>[] {
  return objectsIn(tree).filter(
    ({ relname, relpersistence }) => typeof relname === 'string' && relpersistence !== undefined,
  ) as NodeOf<'RangeVar'>[];
}
