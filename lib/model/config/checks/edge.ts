/**
 * Checks over several fields of the edge. The rules that the edge constructs check as well are in
 * model/rules.
 */
import { CLOUDFRONT } from '../../aws';
import { cloudfrontRules } from '../../rules';
import type { Deployment, DeploymentTier } from '../deployment';
import { type DeploymentProblem, nearest, ruleProblems } from '../problem';

type Path = DeploymentProblem['path'];

/** In place of VPC origins. */
const PUBLIC_ORIGINS = '`runtime: lambda-edge`';

export function edgeProblems(deployment: Deployment): DeploymentProblem[] {
  return [
    ...tierProblems(deployment),
    ...tierReferenceProblems(deployment),
    ...behaviorProblems(deployment),
    ...staticContentProblems(deployment),
    ...batchRegionProblems(deployment),
    ...ruleProblems(
      ['edge', 'originShieldRegion'],
      cloudfrontRules.ORIGIN_SHIELD_REGION,
      deployment.edge.originShieldRegion,
    ),
    ...uniqueProblems(deployment),
    ...vpcOriginProblems(deployment),
  ];
}

function tierProblems({ edge }: Deployment): DeploymentProblem[] {
  const shielded = edge.originShieldRegion !== undefined;
  return Object.entries(edge.tiers).flatMap(([name, tier]) => {
    const at = ['edge', 'tiers', name];
    return [
      ...(tier.cached ? ttlProblems(at, tier) : []),
      ...ruleProblems(
        [...at, 'setCookie'],
        cloudfrontRules.SET_COOKIE_WITH_MINIMUM_TTL,
        tier.setCookie,
        {
          keepsEveryResponse: tier.minTtlSeconds > 0,
        },
      ),
      ...ruleProblems(
        [...at, 'continents'],
        cloudfrontRules.CONTINENTS_WITH_ORIGIN_SHIELD,
        continentsOf(tier),
        {
          shielded,
        },
      ),
      ...(Array.isArray(tier.queryParameters)
        ? ruleProblems(
            [...at, 'queryParameters'],
            cloudfrontRules.QUERY_NAMES_LENGTH,
            tier.queryParameters,
          )
        : []),
    ];
  });
}

function ttlProblems(at: Path, tier: DeploymentTier): DeploymentProblem[] {
  const maxTtlSeconds = maxTtlOf(tier);
  const overrides = Object.entries(tier.continents).flatMap(([continent, override]) =>
    override ? [{ at: [...at, 'continents', continent], ...override }] : [],
  );
  const longestTtlSeconds = Math.max(
    maxTtlSeconds,
    ...overrides.map((override) => override.maxTtlSeconds ?? 0),
  );
  return [
    ...ruleProblems(
      [...at, 'maxTtlSeconds'],
      cloudfrontRules.MAXIMUM_TTL_OF_CACHED_TIER,
      maxTtlSeconds,
    ),
    ...(['staleWhileRevalidateSeconds', 'staleIfErrorSeconds'] as const).flatMap((option) =>
      ruleProblems([...at, option], cloudfrontRules.STALE_WITHIN_MAXIMUM_TTL, tier[option], {
        longestTtlSeconds,
      }),
    ),
    ...[{ at, defaultTtlSeconds: undefined, maxTtlSeconds: undefined }, ...overrides].flatMap(
      (part) =>
        ttlOrderProblems(part.at, {
          minTtlSeconds: tier.minTtlSeconds,
          defaultTtlSeconds: part.defaultTtlSeconds ?? tier.defaultTtlSeconds,
          maxTtlSeconds: part.maxTtlSeconds ?? maxTtlSeconds,
        }),
    ),
  ];
}

/** At most one problem: a default below the minimum may be above the maximum, too. */
function ttlOrderProblems(
  at: Path,
  ttls: { minTtlSeconds: number; defaultTtlSeconds: number; maxTtlSeconds: number },
): DeploymentProblem[] {
  const path = [...at, 'defaultTtlSeconds'];
  return [
    ...ruleProblems(path, cloudfrontRules.DEFAULT_TTL_ABOVE_MINIMUM, ttls.defaultTtlSeconds, ttls),
    ...ruleProblems(path, cloudfrontRules.DEFAULT_TTL_BELOW_MAXIMUM, ttls.defaultTtlSeconds, ttls),
  ].slice(0, 1);
}

/** The default TTL is also the maximum unless there is one. */
function maxTtlOf({ maxTtlSeconds, defaultTtlSeconds }: DeploymentTier): number {
  return maxTtlSeconds ?? defaultTtlSeconds;
}

function continentsOf({ continents }: DeploymentTier): string {
  return Object.keys(continents).join(', ');
}

function tierReferenceProblems({ edge }: Deployment): DeploymentProblem[] {
  const names = Object.keys(edge.tiers);
  const references = [
    ...edge.behaviors.map(({ tier }, i) => ({ path: ['edge', 'behaviors', i, 'tier'], tier })),
    { path: ['edge', 'defaultTier'], tier: edge.defaultTier },
  ];
  return references
    .filter(({ tier }) => !names.includes(tier))
    .map(({ path, tier }) => {
      const meant = nearest(tier, names);
      return {
        path,
        value: tier,
        allowed: `one of the tiers of this file: ${names.join(', ') || 'none yet'}`,
        rule: 'The tier of a behavior decides how its paths are cached.',
        fix: meant ? `Did you mean "${meant}"?` : `Add it under \`edge.tiers\`.`,
      };
    });
}

function behaviorProblems(deployment: Deployment): DeploymentProblem[] {
  const { behaviors } = deployment.edge;
  const count = ruleProblems(
    ['edge', 'behaviors'],
    cloudfrontRules.NUMBER_OF_BEHAVIORS,
    behaviors.length,
    {
      max: CLOUDFRONT.cacheBehaviors,
    },
  );
  return [
    ...count,
    ...behaviors.flatMap((behavior, i) => {
      const at = ['edge', 'behaviors', i];
      return [
        ...patternProblems([...at, 'path'], behavior.path, behaviors.slice(0, i)),
        ...tierOfBehaviorProblems(at, behavior, deployment),
        ...batchProblems([...at, 'batch'], behavior, deployment),
      ];
    }),
  ];
}

function patternProblems(
  path: Path,
  pattern: string,
  earlier: readonly { readonly path: string }[],
): DeploymentProblem[] {
  const isDefault = ruleProblems(path, cloudfrontRules.PATTERN_LEAVES_DEFAULT, pattern);
  if (isDefault.length > 0) return isDefault;
  return ruleProblems(
    path,
    cloudfrontRules.PATTERN_IS_REACHED,
    pattern,
    earlier.map((other) => other.path),
  );
}

/** A bucket takes reads only: its tier must be cached, which excludes other methods. */
function tierOfBehaviorProblems(
  at: Path,
  { tier: name, methods, origin }: Deployment['edge']['behaviors'][number],
  { edge }: Deployment,
): DeploymentProblem[] {
  const tier = edge.tiers[name];
  if (tier === undefined) return [];
  const { cached } = tier;
  const problems = ruleProblems(
    [...at, 'methods'],
    cloudfrontRules.METHODS_OF_CACHED_TIER,
    methods,
    {
      tier: name,
      cached,
    },
  );
  if (origin !== 'bucket') return problems;
  const ofBucket = ruleProblems([...at, 'tier'], cloudfrontRules.TIER_OF_OWN_ORIGIN, name, {
    cached,
    hasQuery: tier.queryParameters !== 'none',
    queryOption: '`queryParameters: none`',
  });
  if (ofBucket.length > 0 || edge.runtime !== 'cloudfront-functions')
    return [...problems, ...ofBucket];
  const besideVpcOrigins = ruleProblems(
    [...at, 'tier'],
    cloudfrontRules.TIER_BESIDE_VPC_ORIGINS,
    name,
    {
      negotiates: tier.varyByLanguage || tier.varyByImageFormat,
      publicOrigins: PUBLIC_ORIGINS,
    },
  );
  return [...problems, ...besideVpcOrigins];
}

function staticContentProblems({ edge }: Deployment): DeploymentProblem[] {
  const { folder } = edge.staticContent;
  if (folder === undefined || edge.behaviors.some(({ origin }) => origin === 'bucket')) return [];
  return [
    {
      path: ['edge', 'staticContent', 'folder'],
      value: folder,
      allowed: 'left out without a behavior of `origin: bucket`',
      rule: 'Nothing would be served from it.',
      fix: 'Give the behavior of those paths `origin: bucket`.',
    },
  ];
}

function batchRegionProblems({ edge, regions }: Deployment): DeploymentProblem[] {
  const { batchRegion } = edge;
  if (batchRegion === undefined || Object.hasOwn(regions, batchRegion)) return [];
  return [
    {
      path: ['edge', 'batchRegion'],
      value: batchRegion,
      allowed: `one of the regions of this file: ${Object.keys(regions).join(', ')}`,
      rule: 'Batch work is sent to a fleet of this deployment.',
      fix: 'Name one of them, or leave it out.',
    },
  ];
}

function batchProblems(
  at: Path,
  { path: pathPattern, methods, batch = [] }: Deployment['edge']['behaviors'][number],
  { edge }: Deployment,
): DeploymentProblem[] {
  // The other runtime takes no batch patterns at all.
  if (edge.runtime !== 'lambda-edge' || batch.length === 0) return [];
  return [
    ...batch.flatMap((pattern, j) =>
      ruleProblems([...at, j], cloudfrontRules.BATCH_WITHIN_BEHAVIOR, pattern, { pathPattern }),
    ),
    ...ruleProblems(at, cloudfrontRules.BATCH_NEEDS_SPLIT, batch, {
      splits: methods === 'split',
      hasBatchOrigin: edge.batchRegion !== undefined,
      batchOption: '`batchRegion`',
    }),
  ];
}

/** Options that need Lambda@Edge functions on origin events, which VPC origins do not take. */
function vpcOriginProblems({ edge }: Deployment): DeploymentProblem[] {
  if (edge.runtime !== 'cloudfront-functions') return [];
  const excluded = (path: Path, value: unknown, neutral?: unknown) =>
    ruleProblems(['edge', ...path], cloudfrontRules.OPTION_WITH_VPC_ORIGINS, value, {
      neutral,
      publicOrigins: PUBLIC_ORIGINS,
    });
  const tiers = edge.features.tierTtls
    ? Object.entries(edge.tiers).filter(([, { cached }]) => cached)
    : [];
  return [
    ...excluded(['readFailover'], edge.readFailover, false),
    ...excluded(['batchRegion'], edge.batchRegion),
    ...ruleProblems(
      ['edge', 'originShieldRegion'],
      cloudfrontRules.SHIELD_WITH_VPC_ORIGINS,
      edge.originShieldRegion,
      {},
    ),
    ...edge.behaviors.flatMap(({ batch }, i) => excluded(['behaviors', i, 'batch'], batch)),
    ...tiers.flatMap(([name, tier]) => [
      ...excluded(['tiers', name, 'continents'], continentsOf(tier) || undefined),
      ...excluded(['tiers', name, 'browserTtlSeconds'], tier.browserTtlSeconds),
      ...excluded(['tiers', name, 'staleWhileRevalidateSeconds'], tier.staleWhileRevalidateSeconds),
      ...excluded(['tiers', name, 'staleIfErrorSeconds'], tier.staleIfErrorSeconds),
      ...excluded(
        ['tiers', name, 'errorTtlSeconds'],
        tier.errorTtlSeconds,
        CLOUDFRONT.errorCachingMinimumSeconds,
      ),
      ...excluded(['tiers', name, 'setCookie'], tier.setCookie, 'strip'),
    ]),
  ];
}

function uniqueProblems({ edge, objectives }: Deployment): DeploymentProblem[] {
  const lists: { path: Path; entries: readonly string[] }[] = [
    ...Object.entries(edge.tiers).map(([name, { queryParameters }]) => ({
      path: ['edge', 'tiers', name, 'queryParameters'],
      entries: Array.isArray(queryParameters) ? queryParameters : [],
    })),
    {
      path: ['edge', 'languages'],
      entries: edge.languages.map((language) => language.toLowerCase()),
    },
    {
      path: ['edge', 'pathRateLimits'],
      entries: edge.pathRateLimits.map(({ pathPrefix }) => pathPrefix),
    },
    { path: ['edge', 'dropQueryParameters'], entries: edge.dropQueryParameters },
    { path: ['objectives', 'alarmEmails'], entries: objectives.alarmEmails },
  ];
  return lists.flatMap(({ path, entries }) =>
    entries.flatMap((entry, i) =>
      ruleProblems([...path, i], cloudfrontRules.NAMED_ONCE, entry, entries.slice(0, i)),
    ),
  );
}
