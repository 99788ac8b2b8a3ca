import type { Node } from '@pgsql/types';

/** Every kind of node in a tree, with its type. */
type NodeKinds = { [K in KeysOf<Node>]: Extract<Node, Record<K, unknown>>[K] };
type KeysOf<T> = T extends unknown ? keyof T : never;
/** The name of a kind of node, such as `SelectStmt`. */
export type NodeKind = keyof NodeKinds & string;
/** The node of a kind. */
export type NodeOf<K extends NodeKind> = NodeKinds[K];

/** The kind of a node. */
export function kindOf(node: Node): NodeKind {
  return Object.keys(node)[0] as NodeKind;
}

/** The node as one of this kind, if it is one. */
export function asNode<K extends NodeKind>(node: Node | undefined, kind: K): NodeOf<K> | undefined {
  return node === undefined ? undefined : (node as Partial<NodeKinds>)[kind];
}

/** The texts of a list of names, such as the parts of `public.ticks`. */
export function namesOf(list: readonly Node[] | undefined): string[] {
  return (list ?? []).flatMap((node) => asNode(node, 'String')?.sval ?? []);
}

/** A name in a schema. An unquoted name is in lower case, as PostgreSQL folds it. */
export interface SqlName {
  /** Absent if the text names none. */
  readonly schema?: string;
  readonly name: string;
}

/** The last two parts of a list of names. */
export function qualifiedName(list: readonly Node[] | undefined): SqlName {
  const names = namesOf(list);
  const schema = names.at(-2);
  return { ...(schema !== undefined && { schema }), name: names.at(-1) ?? '' };
}

/** The name of a relation. */
export function relationName({ schemaname, relname = '' }: NodeOf<'RangeVar'>): SqlName {
  return { ...(schemaname !== undefined && { schema: schemaname }), name: relname };
}

/** All objects in a tree, without recursion, so that no depth of nesting ends it. */
export function* objectsIn(tree: unknown): Generator<Readonly<Record<string, unknown>>> {
  const left: unknown[] = [tree];
  while (left.length > 0) {
    const next = left.pop();
    if (typeof next !== 'object' || next === null) continue;
    if (!Array.isArray(next)) yield next as Readonly<Record<string, unknown>>;
    left.push(...Object.values(next));
  }
}

/** All nodes of one kind in a tree, at any depth. */
export function* nodesOf<K extends NodeKind>(tree: unknown, kind: K): Generator<NodeOf<K>> {
  for (const object of objectsIn(tree)) if (kind in object) yield object[kind] as NodeOf<K>;
}

/** All names of tables, views and indexes that stand in a tree with their place in the text. */
export function relationsIn(tree: unknown): NodeOf<'RangeVar'>[] {
  return [...objectsIn(tree)].filter(
    ({ relname, relpersistence }) => typeof relname === 'string' && relpersistence !== undefined,
  ) as NodeOf<'RangeVar'>[];
}
