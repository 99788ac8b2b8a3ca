/**
 * What changes in a template without a change of what it means: metadata, the order in which
 * resources are made, and the hashes of assets, which also stand in the logical ids of Lambda
 * versions. What only a hash tells is a change of code, and is said once.
 */
import type { Template, TemplateResource } from '../../assembly';

/**
 * An asset's hash is a SHA-256 in hex ("Assets", AWS CDK developer guide): in S3 keys, template
 * URLs and image tags.
 */
const ASSET_HASH = /\b[0-9a-f]{64}\b/g;

/**
 * `Function.currentVersion` ends its logical id with an MD5 of the function's code and settings, so
 * that each has a version.
 */
const VERSION_HASH = /[0-9a-f]{32}$/;

export interface QuietTemplate {
  /** By logical id, without the noise. */
  readonly resources: Readonly<Record<string, TemplateResource>>;
  /** The hashes that were taken out, by logical id. */
  readonly hashes: Readonly<Record<string, string>>;
  /** The logical ids as they stand in the template, by those without noise. */
  readonly originalIds: Readonly<Record<string, string>>;
}

export function withoutNoise(template: Template): QuietTemplate {
  const kept = Object.entries(template.Resources).filter(
    ([, { Type }]) => Type !== 'AWS::CDK::Metadata',
  );
  const quietIds = versionIds(kept);
  const resources: Record<string, TemplateResource> = {};
  const hashes: Record<string, string> = {};
  const originalIds: Record<string, string> = {};
  for (const [id, { Metadata, DependsOn, ...resource }] of kept) {
    const quietId = quietIds.get(id) ?? id;
    const found: string[] = [];
    resources[quietId] = mapStrings(resource, (value) => {
      const renamed = quietIds.get(value) ?? value;
      return renamed.replace(ASSET_HASH, (hash) => {
        found.push(hash);
        return '<asset>';
      });
    }) as TemplateResource;
    hashes[quietId] = found.join();
    originalIds[quietId] = id;
  }
  return { resources, hashes, originalIds };
}

/**
 * A text without the hashes of assets in it: a permission to read the code of today is the same as
 * that of yesterday.
 */
export function withoutHashes(value: string): string {
  return value.replace(ASSET_HASH, '<asset>');
}

/** Of each Lambda version its logical id without the hash, unless another resource has that one. */
function versionIds(
  resources: readonly (readonly [string, TemplateResource])[],
): Map<string, string> {
  const quiet = new Map<string, string>();
  const taken = new Set(resources.map(([id]) => id));
  for (const [id, { Type }] of resources) {
    const without = id.replace(VERSION_HASH, '');
    if (Type !== 'AWS::Lambda::Version' || without === id || taken.has(without)) continue;
    taken.add(without);
    quiet.set(id, without);
  }
  return quiet;
}

function mapStrings(value: unknown, map: (value: string) => string): unknown {
  if (typeof value === 'string') return map(value);
  if (Array.isArray(value)) return value.map((each) => mapStrings(each, map));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, mapStrings(inner, map)]),
  );
}
