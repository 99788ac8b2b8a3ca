/**
 * The JSON Schema of a deployment file: for editors, and the source of the rule in our own
 * messages.
 */
import { z } from 'zod';
import { deploymentSchema } from './deployment';

/** A JSON Schema node, as far as we read it. */
export interface SchemaNode {
  readonly description?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly additionalProperties?: SchemaNode | boolean;
  readonly propertyNames?: { readonly enum?: readonly string[] };
  readonly items?: SchemaNode;
}

/** The file's name in `deployments/`, which the header of each deployment file names. */
export const JSON_SCHEMA_FILE = 'deployment.schema.json';

export function deploymentJsonSchema(): SchemaNode {
  return z.toJSONSchema(deploymentSchema, { io: 'input', target: 'draft-7' }) as SchemaNode;
}

/** The schema of one place, or of the nearest place above it that has one. */
export function schemaAt(root: SchemaNode, path: readonly (string | number)[]): SchemaNode {
  let node = root;
  for (const part of path) {
    const next =
      typeof part === 'number'
        ? node.items
        : (node.properties?.[part] ??
          (typeof node.additionalProperties === 'object' ? node.additionalProperties : undefined));
    if (next === undefined) return node;
    // An item without words of its own (a zone's name, an address) is explained by its list.
    node = next.description === undefined ? { ...next, description: node.description } : next;
  }
  return node;
}
