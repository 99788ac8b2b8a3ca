import type { Duration } from 'aws-cdk-lib';
import { type Continent, REGION_NAMES, REGIONS } from '../aws/regions';
import type { CacheTier } from './cache-tier';

interface Ttl {
  readonly defaultTtlSeconds: number;
  readonly maxTtlSeconds: number;
}

/** What the edge function `regional-ttl` does for the answers of one behaviour. */
interface TtlRule extends Ttl {
  readonly pattern: string;
  readonly continents?: Readonly<Record<string, Ttl>>;
  readonly browserTtlSeconds?: number;
  readonly staleWhileRevalidateSeconds?: number;
  readonly staleIfErrorSeconds?: number;
  readonly errorTtlSeconds: number;
  readonly setCookie: 'bypass' | 'strip';
}

/** The settings of the edge function `regional-ttl`, as its `config.json` has them. */
export interface RegionalTtlSettings {
  readonly regions: Readonly<Record<string, Continent>>;
  /** In the order of the behaviours, so that the function finds the rule of the behaviour that CloudFront chose. */
  readonly paths: readonly TtlRule[];
}

/**
 * @param behaviors in the distribution's order, with the default one last under the pattern `*`. Uncached ones may be among
 * them: they do not call the function, so no path of theirs is looked up.
 */
export function regionalTtlSettings(behaviors: readonly { readonly pathPattern: string; readonly tier: CacheTier }[]): RegionalTtlSettings {
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
