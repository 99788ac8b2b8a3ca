/** The JSON Schema of a deployment file, for editors and for the rules in our messages. */
import { z } from 'zod';
import { deploymentSchema } from './deployment';

/** A JSON Schema node, with the keywords that we read. */
export interface SchemaNode {
  readonly description?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly additionalProperties?: SchemaNode | boolean;
  readonly propertyNames?: { readonly enum?: readonly string[] };
  readonly items?: SchemaNode;
}

/** The file name in `deployments/`, to which each deployment file refers. */
export const JSON_SCHEMA_FILE = 'deployment.schema.json';

/** The schema of the whole file. */
export function deploymentJsonSchema(): SchemaNode {
  return z.toJSONSchema(deploymentSchema, { io: 'input', target: 'draft-7' }) as SchemaNode;
}

/** The schema of a place, or of the nearest place above it with a schema. */
export function schemaAt(root: SchemaNode, path: readonly (string | number)[]): SchemaNode {
  let node = root;
  for (const part of path) {
    const next =
      typeof part === 'number'
        ? node.items
        : (node.properties?.[part] ??
          (typeof node.additionalProperties === 'object' ? node.additionalProperties : undefined));
    if (next === undefined) return node;
    // An item without a description (a zone, an address) inherits the description of its list.
    node = next.description === undefined ? { ...next, description: node.description } : next;
  }
  return node;
}
