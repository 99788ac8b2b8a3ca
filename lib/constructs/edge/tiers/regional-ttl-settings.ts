import type { Duration } from 'aws-cdk-lib';
import { REGION_NAMES, REGIONS } from '../../../model/aws';
import type { RegionalTtlSettings, Ttl, TtlRule } from '../../../model/contracts';
import type { CacheTier } from './cache-tier';

/**
 * @param behaviors in the distribution's order, with the default one last under the pattern `*`.
 * Uncached ones may be among them: they do not call the function, so no path of theirs is looked
 * up.
 */
export function regionalTtlSettings(
  behaviors: readonly { readonly pathPattern: string; readonly tier: CacheTier }[],
): RegionalTtlSettings {
  const cached = behaviors.filter(({ tier }) => tier.cached);
  // Without a tier that asks for it, a new region in the table must not publish a new version.
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
