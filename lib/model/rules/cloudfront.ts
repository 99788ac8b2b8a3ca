/**
 * Rules of CloudFront that a deployment file and the edge constructs both check. TTLs are in
 * seconds.
 *
 * Where the two name an option differently, the context carries the name, as Markdown code.
 */
import { CLOUDFRONT, catchesAll, ORIGIN_SHIELD_REGIONS, REGIONS } from '../aws';
import type { Rule } from './rule';

const TTL_ORDER =
  'CloudFront needs minimum TTL ≤ default TTL ≤ maximum TTL; CDK silently raises the others.';

/** A default TTL, against the minimum TTL. */
export const DEFAULT_TTL_ABOVE_MINIMUM: Rule<number, { readonly minTtlSeconds: number }> = {
  allows: (defaultTtlSeconds, { minTtlSeconds }) => defaultTtlSeconds >= minTtlSeconds,
  allowed: (_, { minTtlSeconds }) => `at least the minimum TTL, ${minTtlSeconds} seconds`,
  rule: TTL_ORDER,
  fix: 'Raise it, or lower the minimum TTL; a minimum of 0 is almost always right.',
};

/** A default TTL, against the maximum TTL. */
export const DEFAULT_TTL_BELOW_MAXIMUM: Rule<number, { readonly maxTtlSeconds: number }> = {
  allows: (defaultTtlSeconds, { maxTtlSeconds }) => defaultTtlSeconds <= maxTtlSeconds,
  allowed: (_, { maxTtlSeconds }) => `at most the maximum TTL, ${maxTtlSeconds} seconds`,
  rule: TTL_ORDER,
  fix: 'Lower it, or raise the maximum TTL.',
};

/** The maximum TTL of a cached tier. */
export const MAXIMUM_TTL_OF_CACHED_TIER: Rule<number> = {
  allows: (maxTtlSeconds) => maxTtlSeconds > 0,
  allowed: 'more than 0 in a cached tier',
  rule: 'With a maximum TTL of 0, CloudFront caches nothing and refuses a cache key.',
  fix: 'Raise it, or make the tier uncached.',
};

/** The seconds of `stale-while-revalidate` or `stale-if-error`. */
export const STALE_WITHIN_MAXIMUM_TTL: Rule<number, { readonly longestTtlSeconds: number }> = {
  allows: (staleSeconds, { longestTtlSeconds }) => staleSeconds <= longestTtlSeconds,
  allowed: (_, { longestTtlSeconds }) =>
    `at most the longest maximum TTL, ${longestTtlSeconds} seconds`,
  rule: 'The maximum TTL also bounds for how long CloudFront serves an expired object.',
  fix: 'Lower it, or raise the maximum TTL.',
};

/** The treatment of `Set-Cookie`; `keepsEveryResponse` if the minimum TTL may be above 0. */
export const SET_COOKIE_WITH_MINIMUM_TTL: Rule<
  'bypass' | 'strip',
  { readonly keepsEveryResponse: boolean }
> = {
  allows: (setCookie, { keepsEveryResponse }) => setCookie === 'strip' || !keepsEveryResponse,
  allowed: 'strip with a minimum TTL above 0',
  rule:
    'With a minimum TTL, CloudFront caches even a `no-store` response, and would send the cookie ' +
    'of one viewer to others.',
  fix: 'Use `strip`, or leave the minimum TTL at 0.',
};

/** How many cache behaviors there are, without the default one. */
export const NUMBER_OF_BEHAVIORS: Rule<
  number,
  {
    readonly max: number;
    /** The option that raises `max`, if there is one. */
    readonly quotaOption?: string;
  }
> = {
  allows: (count, { max }) => count <= max,
  allowed: (_, { max }) => `at most ${max} beside the default one`,
  rule:
    `A distribution has ${CLOUDFRONT.cacheBehaviors} cache behaviors unless AWS raises the ` +
    'quota; CDK does not check it.',
  fix: (_, { quotaOption }) =>
    quotaOption === undefined
      ? 'Join path patterns with wildcards.'
      : `Join path patterns with wildcards, or raise ${quotaOption} to your quota.`,
};

/** The path pattern of a cache behavior that is not the default one. */
export const PATTERN_LEAVES_DEFAULT: Rule<string> = {
  allows: (pattern) => !catchesAll(pattern, '*'),
  allowed: 'a pattern that leaves some path to the default tier',
  rule: 'Every path that no pattern matches already goes to the default behavior.',
  fix: 'Remove it, and give its tier as `defaultTier`.',
};

/**
 * The path pattern of a cache behavior, against those before it in their order; undefined for a
 * pattern that is known only at deployment.
 */
export const PATTERN_IS_REACHED: Rule<string, readonly (string | undefined)[]> = {
  allows: (pattern, earlier) => indexOfCatching(pattern, earlier) < 0,
  allowed: (pattern, earlier) => {
    const index = indexOfCatching(pattern, earlier);
    return `a pattern that behaviors[${index}], ${earlier[index]}, does not match first`;
  },
  rule: 'CloudFront takes the first behavior that matches, so this one would never be used.',
  fix: (pattern, earlier) =>
    `Move it before behaviors[${indexOfCatching(pattern, earlier)}], or remove it.`,
};

function indexOfCatching(pattern: string, earlier: readonly (string | undefined)[]): number {
  return earlier.findIndex((other) => other !== undefined && catchesAll(other, pattern));
}

/** The methods of a cache behavior. */
export const METHODS_OF_CACHED_TIER: Rule<
  'read' | 'all' | 'split',
  { readonly tier: string; readonly cached: boolean }
> = {
  allows: (methods, { cached }) => methods === 'read' || !cached,
  allowed: (_, { tier }) => `read with the cached tier "${tier}"`,
  rule: 'A cached behavior drops the cookies and most headers of a request, which writes need.',
  fix: 'Use an uncached tier, or give writes a path pattern of their own before this one.',
};

/** The tier, by name, of a behavior whose origin is a bucket or another one of its own. */
export const TIER_OF_OWN_ORIGIN: Rule<
  string,
  {
    readonly cached: boolean;
    readonly hasQuery: boolean;
    /** The option that leaves out the query. */
    readonly queryOption: string;
  }
> = {
  allows: (_, { cached, hasQuery }) => cached && !hasQuery,
  allowed: (_, { queryOption }) =>
    `a cached tier with ${queryOption}, because the behavior has an \`origin\` of its own`,
  rule: (_, { cached }) =>
    cached
      ? 'CloudFront signs its requests to a bucket, and S3 follows a signed query: viewers ' +
        'could choose `versionId` and `response-content-type`.'
      : 'The methods of an uncached behavior decide its origin, which gets the cookies and the ' +
        'query of the viewer.',
  fix: 'Name another tier, or leave `origin` out.',
};

/** The tier, by name, of a behavior with an origin of its own, beside VPC origins. */
export const TIER_BESIDE_VPC_ORIGINS: Rule<
  string,
  {
    /** Whether it varies by language or image format. */
    readonly negotiates: boolean;
    /** The replacement of VPC origins, for the fix. */
    readonly publicOrigins: string;
  }
> = {
  allows: (_, { negotiates }) => !negotiates,
  allowed:
    'a tier that varies by neither language nor image format, because the behavior has an ' +
    '`origin` of its own beside VPC origins',
  rule:
    'The CloudFront Function that negotiates also selects a region, so it does not run for an ' +
    'origin outside the regions.',
  fix: (_, { publicOrigins }) => `Name another tier, or use ${publicOrigins}.`,
};

/** The batch patterns of a cache behavior. */
export const BATCH_NEEDS_SPLIT: Rule<
  readonly string[],
  {
    readonly splits: boolean;
    readonly hasBatchOrigin: boolean;
    /** The option that names the batch origin. */
    readonly batchOption: string;
  }
> = {
  allows: (_, { splits, hasBatchOrigin }) => splits && hasBatchOrigin,
  allowed: (_, { batchOption }) => `left out without \`methods: split\` and a ${batchOption}`,
  rule: 'The edge function that splits methods also sends batch work to its origin.',
  fix: (_, { batchOption }) => `Set \`methods: split\` here and ${batchOption}, or remove it.`,
};

/** A batch pattern, against the path pattern of its behavior. */
export const BATCH_WITHIN_BEHAVIOR: Rule<string, { readonly pathPattern: string }> = {
  allows: (pattern, { pathPattern }) => catchesAll(pathPattern, pattern),
  allowed: (_, { pathPattern }) => `within the pattern of its behavior, ${pathPattern}`,
  rule:
    'Only requests that CloudFront gives to this behavior reach the function that knows the ' +
    'pattern.',
  fix: 'Narrow it, or give it to the behavior of those paths.',
};

/** A region of Origin Shield. */
export const ORIGIN_SHIELD_REGION: Rule<string> = {
  allows: (region) => ORIGIN_SHIELD_REGIONS.includes(region),
  allowed: `one of ${ORIGIN_SHIELD_REGIONS.join(', ')}`,
  rule: 'AWS has Origin Shield in these regions only; CDK takes any text and the deployment fails.',
  fix: (region) => {
    const nearest = REGIONS[region]?.originShieldRegion;
    return nearest === undefined
      ? 'Use the one nearest to the origin.'
      : `Use "${nearest}", the nearest to ${region}.`;
  },
};

/** The continents, joined with commas, for which a tier has TTLs of its own. */
export const CONTINENTS_WITH_ORIGIN_SHIELD: Rule<string, { readonly shielded: boolean }> = {
  allows: (continents, { shielded }) => continents === '' || !shielded,
  allowed: 'left out with Origin Shield',
  rule:
    'The function that sets TTLs by part of the world then runs in the Shield region, and no ' +
    'longer learns where the viewer is.',
  fix: 'Leave out `originShieldRegion`, or the TTLs by part of the world.',
};

/** The names of the query parameters in one cache key. */
export const QUERY_NAMES_LENGTH: Rule<readonly string[]> = {
  allows: (names) => lengthOf(names) <= CLOUDFRONT.keyPartCharacters,
  allowed: (names) =>
    `at most ${CLOUDFRONT.keyPartCharacters} characters together, not ${lengthOf(names)}`,
  rule: 'That is the quota of a CloudFront cache policy.',
  fix: 'Name fewer parameters, or take all but those that do not change the answer.',
};

function lengthOf(names: readonly string[]): number {
  return names.join('').length;
}

/** An entry of a list, against the entries before it. */
export const NAMED_ONCE: Rule<string, readonly string[]> = {
  allows: (entry, earlier) => !earlier.includes(entry),
  allowed: 'named once',
  rule: 'The same entry twice is a mistake: the second one was meant to be another.',
  fix: 'Change it, or remove it.',
};

/**
 * The value of an option that only a Lambda@Edge function on origin events could give another value
 * than `neutral`: see "Restrict access with VPC origins", Amazon CloudFront developer guide.
 */
export const OPTION_WITH_VPC_ORIGINS: Rule<
  unknown,
  {
    /**
     * The one value that needs no function.
     *
     * @default - the option must be left out
     */
    readonly neutral?: unknown;
    /** The replacement of VPC origins, for the fix. */
    readonly publicOrigins: string;
    /**
     * Another fix, as an imperative.
     *
     * @default 'Change it'
     */
    readonly alternative?: string;
  }
> = {
  allows: (value, { neutral }) => value === undefined || value === neutral,
  allowed: (_, { neutral }) =>
    `${neutral === undefined ? 'left out' : `${neutral}`} with VPC origins`,
  rule:
    'It needs a function on origin events, but VPC origins do not take Lambda@Edge origin ' +
    'triggers.',
  fix: (_, { publicOrigins, alternative = 'Change it' }) =>
    `${alternative}, or use ${publicOrigins}.`,
};

/** The one region of Origin Shield for all origins. */
export const SHIELD_WITH_VPC_ORIGINS: Rule<
  string,
  {
    /** Where each region can have an Origin Shield of its own, if it can. */
    readonly perRegionOption?: string;
  }
> = {
  allows: () => false,
  allowed: 'left out with VPC origins',
  rule:
    'Each region is then an origin of its own, and one Shield region for all of them would send ' +
    'every miss across the world.',
  fix: (_, { perRegionOption }) =>
    perRegionOption === undefined ? 'Remove it.' : `Give it to each of the ${perRegionOption}.`,
};
