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

export interface NormalizedTemplate {
  /** The resources by their normalized logical id. */
  readonly resources: Readonly<Record<string, TemplateResource>>;
  /** The asset hashes that each resource contained, by normalized logical id. */
  readonly hashes: Readonly<Record<string, string>>;
  /** The logical ids of the template, by normalized logical id. */
  readonly originalIds: Readonly<Record<string, string>>;
}

export function normalizeTemplate(template: Template): NormalizedTemplate {
  const kept = Object.entries(template.Resources).filter(
    ([, { Type }]) => Type !== 'AWS::CDK::Metadata',
  );
  const versionIds = normalizedVersionIds(kept);
  const resources: Record<string, TemplateResource> = {};
  const hashes: Record<string, string> = {};
  const originalIds: Record<string, string> = {};
  for (const [id, { Metadata, DependsOn, ...resource }] of kept) {
    const normalizedId = versionIds.get(id) ?? id;
    const found: string[] = [];
    resources[normalizedId] = mapStrings(resource, (value) => {
      const renamed = versionIds.get(value) ?? value;
      return renamed.replace(ASSET_HASH, (hash) => {
        found.push(hash);
        return '<asset>';
      });
    }) as TemplateResource;
    hashes[normalizedId] = found.join();
    originalIds[normalizedId] = id;
  }
  return { resources, hashes, originalIds };
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
    Object.entries(value).map(([key, inner]) => [key, mapStrings(inner, map)]),
  );
}
