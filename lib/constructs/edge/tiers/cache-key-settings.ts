import type { CacheKeyRule, CacheKeySettings } from '../../../model/contracts';
import type { CacheTier } from './cache-tier';

/**
 * @param behaviors in the distribution's order, with the default one last under the pattern `*`.
 * Uncached ones may be among them: they do not call the function, so no path of theirs is looked
 * up.
 */
export function cacheKeySettings(
  behaviors: readonly { readonly pathPattern: string; readonly tier: CacheTier }[],
  languages: readonly string[],
): CacheKeySettings {
  const cached = behaviors.filter(({ tier }) => tier.cached);
  return {
    paths: cached.map(keyRule),
    // Without a tier that asks for it, a new language must not publish a new version.
    languages: cached.some(({ tier }) => tier.varyByLanguage) ? languages : undefined,
  };
}

/**
 * The same for a function that is called for uncached paths as well, and leaves their queries
 * alone.
 *
 * @param behaviors those that call the function, as above
 */
export function viewerKeySettings(
  behaviors: readonly { readonly pathPattern: string; readonly tier: CacheTier }[],
  languages: readonly string[],
): CacheKeySettings {
  return {
    paths: behaviors.map((behavior) =>
      behavior.tier.cached ? keyRule(behavior) : { pattern: behavior.pathPattern },
    ),
    languages: cacheKeySettings(behaviors, languages).languages,
  };
}

function keyRule({
  pathPattern,
  tier,
}: {
  readonly pathPattern: string;
  readonly tier: CacheTier;
}): CacheKeyRule {
  return {
    pattern: pathPattern,
    query: tier.query,
    language: tier.varyByLanguage,
    imageFormat: tier.varyByImageFormat,
  };
}
