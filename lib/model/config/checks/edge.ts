/**
 * Checks over the edge: the order of TTLs, tiers that exist, patterns that can match, Origin Shield
 * where AWS has it.
 */
import { CLOUDFRONT, catchesAll, ORIGIN_SHIELD_REGIONS, REGIONS } from '../../aws';
import type { Deployment, DeploymentTier } from '../deployment';
import { type DeploymentProblem, nearest } from '../problem';

export function edgeProblems(deployment: Deployment): DeploymentProblem[] {
  return [
    ...ttlProblems(deployment),
    ...tierReferenceProblems(deployment),
    ...behaviorProblems(deployment),
    ...methodProblems(deployment),
    ...bucketProblems(deployment),
    ...batchProblems(deployment),
    ...cookieProblems(deployment),
    ...shieldProblems(deployment),
    ...shieldedContinentProblems(deployment),
    ...keyProblems(deployment),
    ...uniqueProblems(deployment),
    ...functionsProblems(deployment),
  ];
}

/** What only Lambda@Edge on origin events could do. */
function functionsProblems({ edge }: Deployment): DeploymentProblem[] {
  if (edge.runtime !== 'cloudfront-functions') return [];
  const refused = (
    path: (string | number)[],
    value: unknown,
    allowed: string,
  ): DeploymentProblem => ({
    path: ['edge', ...path],
    value,
    allowed: `${allowed} with \`runtime: cloudfront-functions\``,
    rule: 'That needs Lambda@Edge between the cache and the origin, and VPC origins do not take Lambda@Edge origin triggers.',
    fix: 'Change it, or use `runtime: lambda-edge`.',
  });
  const problems: DeploymentProblem[] = [];
  if (edge.readFailover) problems.push(refused(['readFailover'], true, 'false'));
  if (edge.batchRegion !== undefined)
    problems.push(refused(['batchRegion'], edge.batchRegion, 'left out'));
  if (edge.originShieldRegion !== undefined) {
    problems.push({
      path: ['edge', 'originShieldRegion'],
      value: edge.originShieldRegion,
      allowed: 'left out with `runtime: cloudfront-functions`',
      rule: 'Each region is an origin of its own there, and one Shield region for all would send every miss across the world.',
      fix: 'Remove it.',
    });
  }
  edge.behaviors.forEach(({ batch }, i) => {
    if (batch !== undefined) problems.push(refused(['behaviors', i, 'batch'], batch, 'left out'));
  });
  for (const [name, tier] of Object.entries(edge.tiers)) {
    if (!tier.cached || !edge.features.tierTtls) continue;
    if (Object.keys(tier.continents).length > 0) {
      problems.push(
        refused(['tiers', name, 'continents'], Object.keys(tier.continents).join(', '), 'left out'),
      );
    }
    for (const option of [
      'browserTtlSeconds',
      'staleWhileRevalidateSeconds',
      'staleIfErrorSeconds',
    ] as const) {
      if (tier[option] !== undefined)
        problems.push(refused(['tiers', name, option], tier[option], 'left out'));
    }
    if (tier.errorTtlSeconds !== 10)
      problems.push(refused(['tiers', name, 'errorTtlSeconds'], tier.errorTtlSeconds, '10'));
    if (tier.setCookie === 'bypass')
      problems.push(refused(['tiers', name, 'setCookie'], tier.setCookie, 'strip'));
  }
  return problems;
}

function ttlProblems({ edge }: Deployment): DeploymentProblem[] {
  return Object.entries(edge.tiers).flatMap(([name, tier]) => {
    if (!tier.cached) return [];
    const at = ['edge', 'tiers', name];
    return [
      ...zeroProblems(at, tier),
      ...staleProblems(at, tier),
      ...ttlOrder(at, tier.minTtlSeconds, tier.defaultTtlSeconds, maxTtl(tier)),
      ...Object.entries(tier.continents).flatMap(([continent, override]) =>
        override
          ? ttlOrder(
              [...at, 'continents', continent],
              tier.minTtlSeconds,
              ...effectiveTtl(tier, override),
            )
          : [],
      ),
    ];
  });
}

function zeroProblems(at: string[], tier: DeploymentTier): DeploymentProblem[] {
  if (maxTtl(tier) > 0) return [];
  return [
    {
      path: [...at, 'maxTtlSeconds'],
      value: 0,
      allowed: 'more than 0 in a cached tier',
      rule: 'With a maximum of 0 CloudFront caches nothing and refuses a key.',
      fix: 'Raise it, or set `cached: false`.',
    },
  ];
}

function staleProblems(at: string[], tier: DeploymentTier): DeploymentProblem[] {
  const longest = Math.max(
    maxTtl(tier),
    ...Object.values(tier.continents).map((continent) => continent?.maxTtlSeconds ?? 0),
  );
  return (['staleWhileRevalidateSeconds', 'staleIfErrorSeconds'] as const).flatMap((option) => {
    const stale = tier[option];
    if (stale === undefined || stale <= longest) return [];
    return [
      {
        path: [...at, option],
        value: stale,
        allowed: `at most the longest maximum TTL, ${longest}`,
        rule: 'CloudFront serves nothing stale for longer than its maximum TTL.',
        fix: 'Lower it, or raise `maxTtlSeconds`.',
      },
    ];
  });
}

function effectiveTtl(
  tier: DeploymentTier,
  override: { defaultTtlSeconds?: number; maxTtlSeconds?: number },
): [number, number] {
  return [
    override.defaultTtlSeconds ?? tier.defaultTtlSeconds,
    override.maxTtlSeconds ?? maxTtl(tier),
  ];
}

/** Without one, the default is the maximum, everywhere. */
function maxTtl({ maxTtlSeconds, defaultTtlSeconds }: DeploymentTier): number {
  return maxTtlSeconds ?? defaultTtlSeconds;
}

function ttlOrder(at: string[], min: number, usual: number, max: number): DeploymentProblem[] {
  if (min <= usual && usual <= max) return [];
  const belowMin = usual < min;
  return [
    {
      path: [...at, 'defaultTtlSeconds'],
      value: usual,
      allowed: belowMin ? `at least the minimum TTL, ${min}` : `at most the maximum TTL, ${max}`,
      rule: 'CloudFront needs minimum ≤ default ≤ maximum; CDK raises the others without a word instead of saying so.',
      fix: belowMin ? 'Raise it, or lower `minTtlSeconds`.' : 'Lower it, or raise `maxTtlSeconds`.',
    },
  ];
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
        rule: 'A behaviour is cached as its tier says.',
        fix: meant ? `Did you mean "${meant}"?` : `Add it under \`edge.tiers\`.`,
      };
    });
}

function behaviorProblems({ edge }: Deployment): DeploymentProblem[] {
  const problems: DeploymentProblem[] = [];
  if (edge.behaviors.length > CLOUDFRONT.cacheBehaviors) {
    problems.push({
      path: ['edge', 'behaviors'],
      value: `${edge.behaviors.length} behaviours`,
      allowed: `at most ${CLOUDFRONT.cacheBehaviors} beside the default one`,
      rule: 'That is the quota of a CloudFront distribution; CDK does not check it.',
      fix: 'Join patterns with wildcards.',
    });
  }
  edge.behaviors.forEach(({ path }, i) => {
    if (catchesAll(path, '*')) {
      problems.push({
        path: ['edge', 'behaviors', i, 'path'],
        value: path,
        allowed: 'a pattern that leaves some path to the default tier',
        rule: 'The default behaviour already has every path that no pattern matches.',
        fix: 'Remove it, and name its tier as `defaultTier`.',
      });
      return;
    }
    const earlier = edge.behaviors.findIndex((other, j) => j < i && catchesAll(other.path, path));
    if (earlier >= 0) {
      problems.push({
        path: ['edge', 'behaviors', i, 'path'],
        value: path,
        allowed: `a pattern that behaviour ${earlier}, ${edge.behaviors[earlier]?.path}, does not catch first`,
        rule: 'CloudFront takes the first behaviour that matches, so this one would never be used.',
        fix: 'Move it up, or remove it.',
      });
    }
  });
  return problems;
}

/**
 * A cached answer is everybody's: writes, and what depends on cookies, need a tier that keeps
 * nothing.
 */
function methodProblems({ edge }: Deployment): DeploymentProblem[] {
  return edge.behaviors.flatMap(({ tier, methods }, i) => {
    if (!edge.tiers[tier]?.cached || methods === undefined || methods === 'read') return [];
    return [
      {
        path: ['edge', 'behaviors', i, 'methods'],
        value: methods,
        allowed: `read with the cached tier "${tier}"`,
        rule: 'A cached behaviour drops the cookies and most headers of a request, which writes need.',
        fix: 'Use a tier with `cached: false`, or give writes a path of their own before this one.',
      },
    ];
  });
}

/**
 * A bucket takes reads without a query. The tier must be cached, and that excludes other methods
 * and batch patterns already.
 */
function bucketProblems({ edge }: Deployment): DeploymentProblem[] {
  const problems = edge.behaviors.flatMap(({ origin, tier }, i): DeploymentProblem[] => {
    const settings = edge.tiers[tier];
    if (origin !== 'bucket' || settings === undefined) return [];
    const at = { path: ['edge', 'behaviors', i, 'tier'], value: tier };
    if (!settings.cached || settings.queryParameters !== 'none') {
      return [
        {
          ...at,
          allowed: 'a cached tier with `queryParameters: none`, because of `origin: bucket`',
          rule: 'CloudFront signs what it asks a bucket, and S3 follows a signed query: viewers could choose versions and headers of the answer.',
          fix: 'Name another tier, or leave `origin` out.',
        },
      ];
    }
    const negotiates = settings.varyByLanguage || settings.varyByImageFormat;
    if (edge.runtime !== 'cloudfront-functions' || !negotiates) return [];
    return [
      {
        ...at,
        allowed:
          'a tier that varies by neither language nor image format, because of `origin: bucket` and `runtime: cloudfront-functions`',
        rule: 'The function that negotiates also selects a region there, so it does not run for a bucket.',
        fix: 'Name another tier, or use `runtime: lambda-edge`.',
      },
    ];
  });
  const { folder } = edge.staticContent;
  if (folder !== undefined && !edge.behaviors.some(({ origin }) => origin === 'bucket')) {
    problems.push({
      path: ['edge', 'staticContent', 'folder'],
      value: folder,
      allowed: 'left out without a behaviour of `origin: bucket`',
      rule: 'Nothing would be served from it.',
      fix: 'Give the behaviour of those paths `origin: bucket`.',
    });
  }
  return problems;
}

function batchProblems({ edge, regions }: Deployment): DeploymentProblem[] {
  const { batchRegion } = edge;
  const problems: DeploymentProblem[] = [];
  if (batchRegion !== undefined && regions[batchRegion] === undefined) {
    problems.push({
      path: ['edge', 'batchRegion'],
      value: batchRegion,
      allowed: `one of the regions of this file: ${Object.keys(regions).join(', ')}`,
      rule: 'Batch work is sent to a fleet of this deployment.',
      fix: 'Name one of them, or leave it out.',
    });
  }
  // With the other runtime, there is no batch work at all.
  if (edge.runtime !== 'lambda-edge') return problems;
  edge.behaviors.forEach(({ path, batch = [], methods }, i) => {
    batch.forEach((pattern, j) => {
      if (catchesAll(path, pattern)) return;
      problems.push({
        path: ['edge', 'behaviors', i, 'batch', j],
        value: pattern,
        allowed: `within the path of its behaviour, ${path}`,
        rule: 'Only requests that CloudFront gives to this behaviour reach the function that knows the pattern.',
        fix: 'Narrow it, or give it to the behaviour of those paths.',
      });
    });
    if (batch.length === 0 || (methods === 'split' && batchRegion !== undefined)) return;
    problems.push({
      path: ['edge', 'behaviors', i, 'batch'],
      value: batch,
      allowed: 'left out without `methods: split` and a `batchRegion`',
      rule: 'Only behaviours that split their methods have the edge function that chooses an origin, and it needs one to choose.',
      fix: 'Set `methods: split` here and `edge.batchRegion`.',
    });
  });
  return problems;
}

function cookieProblems({ edge }: Deployment): DeploymentProblem[] {
  return Object.entries(edge.tiers)
    .filter(([, { setCookie, minTtlSeconds }]) => setCookie === 'bypass' && minTtlSeconds > 0)
    .map(([name, { setCookie }]) => ({
      path: ['edge', 'tiers', name, 'setCookie'],
      value: setCookie,
      allowed: 'strip with a minimum TTL above 0',
      rule: 'CloudFront then keeps every answer, also one marked no-store: the cookie of one viewer would go to others.',
      fix: 'Use `strip`, or leave `minTtlSeconds` at 0.',
    }));
}

function shieldedContinentProblems({ edge }: Deployment): DeploymentProblem[] {
  if (edge.originShieldRegion === undefined) return [];
  return Object.entries(edge.tiers)
    .filter(([, { continents }]) => Object.keys(continents).length > 0)
    .map(([name]) => ({
      path: ['edge', 'tiers', name, 'continents'],
      value: `with originShieldRegion ${edge.originShieldRegion}`,
      allowed: 'left out with Origin Shield',
      rule: 'The function that sets TTLs by part of the world runs in the Shield region then, whoever asks.',
      fix: 'Remove `originShieldRegion`, or the TTLs by part of the world.',
    }));
}

function shieldProblems({ edge: { originShieldRegion } }: Deployment): DeploymentProblem[] {
  if (originShieldRegion === undefined || ORIGIN_SHIELD_REGIONS.includes(originShieldRegion))
    return [];
  const facts = REGIONS[originShieldRegion];
  return [
    {
      path: ['edge', 'originShieldRegion'],
      value: originShieldRegion,
      allowed: `one of ${ORIGIN_SHIELD_REGIONS.join(', ')}`,
      rule: 'AWS has Origin Shield in these regions only; CDK accepts any text and the deployment fails.',
      fix: facts
        ? `Use "${facts.originShieldRegion}", the nearest to ${originShieldRegion}.`
        : `Name a region of the list.`,
    },
  ];
}

function keyProblems({ edge }: Deployment): DeploymentProblem[] {
  return Object.entries(edge.tiers).flatMap(([name, { queryParameters }]) => {
    const characters = Array.isArray(queryParameters) ? queryParameters.join('').length : 0;
    if (characters <= CLOUDFRONT.keyPartCharacters) return [];
    return [
      {
        path: ['edge', 'tiers', name, 'queryParameters'],
        value: `${characters} characters`,
        allowed: `at most ${CLOUDFRONT.keyPartCharacters} characters together`,
        rule: 'That is the quota of a CloudFront cache policy.',
        fix: 'Name fewer parameters, or use `all` and drop the others with `dropQueryParameters`.',
      },
    ];
  });
}

function uniqueProblems({ edge, objectives }: Deployment): DeploymentProblem[] {
  const lists: { path: string[]; values: readonly string[] }[] = [
    ...Object.entries(edge.tiers).map(([name, { queryParameters }]) => ({
      path: ['edge', 'tiers', name, 'queryParameters'],
      values: Array.isArray(queryParameters) ? queryParameters : [],
    })),
    {
      path: ['edge', 'languages'],
      values: edge.languages.map((language) => language.toLowerCase()),
    },
    {
      path: ['edge', 'pathRateLimits'],
      values: edge.pathRateLimits.map(({ pathPrefix }) => pathPrefix),
    },
    { path: ['edge', 'dropQueryParameters'], values: edge.dropQueryParameters },
    { path: ['objectives', 'alarmEmails'], values: objectives.alarmEmails },
  ];
  return lists.flatMap(({ path, values }) =>
    values.flatMap((value, i) =>
      values.indexOf(value) === i
        ? []
        : [
            {
              path: [...path, i],
              value,
              allowed: 'named once',
              rule: 'The same entry twice is a slip: one of them was to be another.',
              fix: 'Change it, or remove it.',
            },
          ],
    ),
  );
}
