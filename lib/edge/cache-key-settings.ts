import type { CacheTier, QueryInKey } from './cache-tier';

/** What the edge function `normalize-cache-key` does for the paths of one behaviour. */
interface CacheKeyRule {
  readonly pattern: string;
  readonly query: QueryInKey;
  readonly language: boolean;
  readonly imageFormat: boolean;
}

/** The settings of the edge function `normalize-cache-key`, as its `config.json` has them. */
export interface CacheKeySettings {
  /** In the order of the behaviours, so that the function finds the rule of the behaviour that CloudFront chose. */
  readonly paths: readonly CacheKeyRule[];
  readonly languages?: readonly string[];
}

/**
 * @param behaviors in the distribution's order, with the default one last under the pattern `*`. Uncached ones may be among
 * them: they do not call the function, so no path of theirs is looked up.
 */
export function cacheKeySettings(
  behaviors: readonly { readonly pathPattern: string; readonly tier: CacheTier }[],
  languages: readonly string[],
): CacheKeySettings {
  const cached = behaviors.filter(({ tier }) => tier.cached);
  return {
    paths: cached.map(({ pathPattern, tier }) => ({
      pattern: pathPattern,
      query: tier.query,
      language: tier.varyByLanguage,
      imageFormat: tier.varyByImageFormat,
    })),
    // Without a tier that asks for it, a new language must not publish a new version.
    languages: cached.some(({ tier }) => tier.varyByLanguage) ? languages : undefined,
  };
}
