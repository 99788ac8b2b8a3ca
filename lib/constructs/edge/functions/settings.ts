/**
 * The settings of the edge functions, from the behaviors of a distribution. Each function finds the
 * behavior of a request by its path pattern, so the order of the behaviors is kept everywhere, the
 * default one last under the pattern `*`.
 */
import type { Duration } from 'aws-cdk-lib';
import { nearestFirst, PLACED_REGIONS, REGION_NAMES, REGIONS } from '../../../model/aws';
import type {
  CacheKeyRule,
  CacheKeySettings,
  RegionalTtlSettings,
  RouteOriginSettings,
  SelectOriginSettings,
  Ttl,
  TtlRule,
} from '../../../model/contracts';
import type { CacheTier } from '../tiers';

interface TieredPath {
  readonly pathPattern: string;
  readonly tier: CacheTier;
}

/**
 * The settings of `normalize-cache-key`.
 *
 * @param behaviors may include uncached ones: they do not call the function
 */
export function cacheKeySettings(
  behaviors: readonly TieredPath[],
  languages: readonly string[],
): CacheKeySettings {
  const cached = behaviors.filter(({ tier }) => tier.cached);
  return {
    paths: cached.map(cacheKeyRule),
    // Without a tier that varies by language, a new language must not publish a new version.
    languages: cached.some(({ tier }) => tier.varyByLanguage) ? languages : undefined,
  };
}

/**
 * The part of the settings of `select-origin` that is about cache keys. Uncached behaviors call the
 * function as well, which leaves their queries as they are.
 *
 * @param behaviors only those that call the function
 */
export function viewerKeySettings(
  behaviors: readonly TieredPath[],
  languages: readonly string[],
): CacheKeySettings {
  return {
    paths: behaviors.map((behavior) =>
      behavior.tier.cached ? cacheKeyRule(behavior) : { pattern: behavior.pathPattern },
    ),
    languages: cacheKeySettings(behaviors, languages).languages,
  };
}

function cacheKeyRule({ pathPattern, tier }: TieredPath): CacheKeyRule {
  return {
    pattern: pathPattern,
    query: tier.query,
    language: tier.varyByLanguage,
    imageFormat: tier.varyByImageFormat,
  };
}

/**
 * The part of the settings of `select-origin` that is about origins.
 *
 * @param regions the primary first
 * @param recentWriter how long a viewer who wrote reads from the primary; left out if no behavior
 * marks writers
 */
export function originSelectionSettings(
  regions: readonly string[],
  recentWriter?: Duration,
): Omit<SelectOriginSettings, keyof CacheKeySettings> {
  return {
    regions,
    nearest: Object.fromEntries(
      PLACED_REGIONS.map((edge) => [
        edge,
        nearestFirst(edge, regions).map((region) => regions.indexOf(region)),
      ]),
    ),
    recentWriterSeconds: recentWriter?.toSeconds(),
  };
}

/**
 * The settings of `regional-ttl`.
 *
 * @param behaviors may include uncached ones: they do not call the function
 */
export function regionalTtlSettings(behaviors: readonly TieredPath[]): RegionalTtlSettings {
  const cached = behaviors.filter(({ tier }) => tier.cached);
  // Without a tier that names its continent, a new region in the table must not publish a new
  // version.
  const named = new Set(cached.flatMap(({ tier }) => Object.keys(tier.continents)));
  return {
    regions: Object.fromEntries(
      REGION_NAMES.flatMap((name) => {
        const continent = REGIONS[name]?.continent;
        return continent !== undefined && named.has(continent) ? [[name, continent]] : [];
      }),
    ),
    paths: cached.map(({ pathPattern, tier }) => ({ pattern: pathPattern, ...ttlRule(tier) })),
  };
}

function ttlRule(tier: CacheTier): Omit<TtlRule, 'pattern'> {
  const ttl = (defaultTtl: Duration, maxTtl: Duration): Ttl => ({
    defaultTtlSeconds: defaultTtl.toSeconds(),
    maxTtlSeconds: maxTtl.toSeconds(),
  });
  const continents = Object.entries(tier.continents).map(([name, own]) => [
    name,
    ttl(own.defaultTtl ?? tier.defaultTtl, own.maxTtl ?? tier.maxTtl),
  ]);
  return {
    ...ttl(tier.defaultTtl, tier.maxTtl),
    continents: continents.length === 0 ? undefined : Object.fromEntries(continents),
    browserTtlSeconds: tier.browserTtl?.toSeconds(),
    staleWhileRevalidateSeconds: tier.staleWhileRevalidate?.toSeconds(),
    staleIfErrorSeconds: tier.staleIfError?.toSeconds(),
    errorTtlSeconds: tier.errorTtl.toSeconds(),
    setCookie: tier.setCookie,
  };
}

/**
 * The settings of `route-origin`.
 *
 * @param behaviors only those that split their methods
 * @param names the DNS names of the origins
 * @param recentWriter how long a viewer who wrote reads from the write origin
 */
export function routeOriginSettings(
  behaviors: readonly {
    readonly pathPattern: string;
    readonly batchPatterns?: readonly string[];
  }[],
  names: { readonly read: string; readonly write: string; readonly batch?: string },
  recentWriter: Duration,
): RouteOriginSettings {
  return {
    readName: names.read,
    writeName: names.write,
    batchName: names.batch,
    recentWriterSeconds: recentWriter.toSeconds(),
    paths: behaviors.map(({ pathPattern, batchPatterns }) => ({
      pattern: pathPattern,
      batch: batchPatterns?.map((pattern) => ({ pattern })),
    })),
  };
}
