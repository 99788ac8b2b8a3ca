/**
 * Templates without the parts that change on every synthesis and mean nothing: metadata, the order
 * in which resources are created, and the hashes of assets, which also end the logical ids of
 * Lambda versions. A resource whose hashes alone differ is reported once, as a change of code.
 */
import type { Template, TemplateResource } from '../../assembly';

/**
 * The hash of an asset is a SHA-256 in hex ("Assets", AWS CDK developer guide). It stands in S3
 * keys, template URLs and image tags.
 */
const ASSET_HASH = /\b[0-9a-f]{64}\b/g;

/**
 * `Function.currentVersion` ends the version's logical id with an MD5 of the function's code and
 * settings, so that each state of the function gets a version.
 */
const VERSION_HASH = /[0-9a-f]{32}$/;

/** A resource without what changes on every synthesis. */
export interface NormalizedResource {
  /** Its logical id in the template. */
  readonly logicalId: string;
  readonly resource: TemplateResource;
  /** The asset hashes that it contained. */
  readonly hashes: string;
}

/** The resources by their normalized logical id. */
export type NormalizedTemplate = ReadonlyMap<string, NormalizedResource>;

/**
 * Marks names that every object has, such as `constructor`. A resource or a property with such a
 * name would be found in templates that do not have it.
 */
const INHERITED = '\u0000';

/** The name as a key that no object inherits. */
function ownKey(name: string): string {
  return name in Object.prototype ? name + INHERITED : name;
}

const INHERITED_NAMES = new RegExp(
  `\\b(${Object.getOwnPropertyNames(Object.prototype).join('|')})(${INHERITED}|\\\\u0000)`,
  'g',
);

/** A text with the names that it has in the template; inside JSON, the mark is escaped. */
export function originalNames(text: string): string {
  return text.replace(INHERITED_NAMES, '$1');
}

/** A value of a template in which no object has a name that others inherit. */
export function withOwnKeys(value: unknown): unknown {
  return mapStrings(value, (text) => text);
}

export function normalizeTemplate(template: Template): NormalizedTemplate {
  const kept = Object.entries(template.Resources).filter(
    ([, { Type }]) => Type !== 'AWS::CDK::Metadata',
  );
  const versionIds = normalizedVersionIds(kept);
  const normalized = new Map<string, NormalizedResource>();
  for (const [logicalId, { Metadata, DependsOn, ...resource }] of kept) {
    const found: string[] = [];
    const mapped = mapStrings(resource, (value) => {
      const renamed = versionIds.get(value) ?? value;
      return renamed.replace(ASSET_HASH, (hash) => {
        found.push(hash);
        return '<asset>';
      });
    }) as TemplateResource;
    normalized.set(ownKey(versionIds.get(logicalId) ?? logicalId), {
      logicalId,
      resource: mapped,
      hashes: found.join(),
    });
  }
  return normalized;
}

/**
 * Replaces the asset hashes in a text by a placeholder. A permission to read today's code then
 * equals the permission to read yesterday's.
 */
export function maskAssetHashes(value: string): string {
  return value.replace(ASSET_HASH, '<asset>');
}

/**
 * The logical id of each Lambda version without its hash. A version keeps its hash if another
 * resource has that id already.
 */
function normalizedVersionIds(
  resources: readonly (readonly [string, TemplateResource])[],
): Map<string, string> {
  const normalized = new Map<string, string>();
  const taken = new Set(resources.map(([id]) => id));
  for (const [id, { Type }] of resources) {
    const without = id.replace(VERSION_HASH, '');
    if (Type !== 'AWS::Lambda::Version' || without === id || taken.has(without)) continue;
    taken.add(without);
    normalized.set(id, without);
  }
  return normalized;
}

function mapStrings(value: unknown, map: (value: string) => string): unknown {
  if (typeof value === 'string') return map(value);
  if (Array.isArray(value)) return value.map((each) => mapStrings(each, map));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [ownKey(key), mapStrings(inner, map)]),
  );
}
