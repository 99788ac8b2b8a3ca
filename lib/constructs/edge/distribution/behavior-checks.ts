import { Token } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { CLOUDFRONT, catchesAll, isPathPattern } from '../../../model/aws';
import { type IsochroneError, invalidValue, type Placed } from '../../../model/errors';
import type { EdgeBehavior } from './behavior';
import { checkOtherOrigin, type EdgeOriginsProps } from './origins';
import { checkForVpcOrigins } from './vpc-origins';

/** "Language-Tag", RFC 5646, without its grandfathered forms. */
const LANGUAGE_TAG = /^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$/;

/** What behaviours are checked against. */
export interface EdgeBehaviorContext extends EdgeOriginsProps {
  readonly languages?: readonly string[];
  readonly maxBehaviors?: number;
  readonly tierTtls?: boolean;
}

/**
 * @throws IsochroneError if CloudFront would refuse or never use one, or an edge function could not
 * do what it says
 */
export function checkBehaviors(
  at: Construct,
  behaviors: readonly EdgeBehavior[],
  defaultBehavior: EdgeBehavior,
  props: EdgeBehaviorContext,
): void {
  const all = [...behaviors, defaultBehavior];
  checkCount(at, behaviors.length, props.maxBehaviors ?? CLOUDFRONT.cacheBehaviors);
  for (const i of behaviors.keys()) checkPathPattern(at, i, behaviors);
  checkLanguages(at, all, props.languages ?? []);
  checkTtls(at, all, props.originShieldRegion);
  if (props.vpcOrigins && (props.tierTtls ?? true)) {
    checkForVpcOrigins(at, all);
  }
  behaviors.forEach((behavior, i) => {
    checkOwnOrigin(at, i, behavior, props.vpcOrigins !== undefined);
    checkMethods(at, `behaviors[${i}].methods`, behavior, props);
    checkBatchPatterns(at, `behaviors[${i}].batchPatterns`, behavior, props.batchOriginName);
  });
  checkMethods(at, 'defaultMethods', defaultBehavior, props);
}

function checkCount(at: Placed, count: number, max: number): void {
  if (count <= max) return;
  throw invalidValue(at, {
    property: 'behaviors',
    value: `${count} behaviors`,
    allowed: `at most ${max}`,
    rule: `A distribution has ${CLOUDFRONT.cacheBehaviors} beside the default one unless AWS raises the quota; CDK does not check it.`,
    fix: 'Join patterns with wildcards, or raise `maxBehaviors` to your quota.',
  });
}

function checkPathPattern(at: Placed, i: number, behaviors: readonly EdgeBehavior[]): void {
  const pattern = behaviors[i]?.pathPattern;
  if (pattern === undefined || Token.isUnresolved(pattern)) return;
  const property = `behaviors[${i}].pathPattern`;
  if (!isPathPattern(pattern)) throw notAPathPattern(at, property, pattern);
  if (catchesAll(pattern, '*')) {
    throw invalidValue(at, {
      property,
      value: pattern,
      allowed: 'a pattern that leaves some path to the default behavior',
      rule: 'The default behavior already has every path that no pattern matches.',
      fix: 'Remove it, and give its tier as `defaultTier`.',
    });
  }
  const earlier = behaviors.findIndex(
    (other, j) =>
      j < i && !Token.isUnresolved(other.pathPattern) && catchesAll(other.pathPattern, pattern),
  );
  if (earlier >= 0) {
    throw invalidValue(at, {
      property,
      value: pattern,
      allowed: `a pattern that behaviors[${earlier}], ${behaviors[earlier]?.pathPattern}, does not match first`,
      rule: 'CloudFront takes the first behavior that matches, so this one would never be used.',
      fix: `Move it before behaviors[${earlier}], or remove it.`,
    });
  }
}

function checkLanguages(
  at: Placed,
  all: readonly EdgeBehavior[],
  languages: readonly string[],
): void {
  languages.forEach((language, i) => {
    if (
      LANGUAGE_TAG.test(language) &&
      languages.findIndex((other) => other.toLowerCase() === language.toLowerCase()) === i
    )
      return;
    throw invalidValue(at, {
      property: `languages[${i}]`,
      value: language,
      allowed: 'a BCP 47 tag, named once',
      rule: 'Browsers ask for languages by such tags, whose case does not matter.',
      fix: 'Write it as `en` or `pt-BR`.',
    });
  });
  const needing = all.find(({ tier }) => tier.cached && tier.varyByLanguage);
  if (needing === undefined || languages.length > 0) return;
  throw invalidValue(at, {
    property: 'languages',
    value: languages,
    allowed: `at least one language, because the tier "${needing.tier.name}" varies by language`,
    rule: 'The edge chooses among the languages that the origin speaks.',
    fix: "Name them, the default one first, such as `['en', 'ja']`.",
  });
}

function checkTtls(
  at: Placed,
  all: readonly EdgeBehavior[],
  originShieldRegion: string | undefined,
): void {
  const tiers = all.map(({ tier }) => tier).filter(({ cached }) => cached);
  for (const tier of tiers) {
    const unknown = tier.durations.find((duration) => duration.isUnresolved());
    if (unknown === undefined) continue;
    throw invalidValue(at, {
      property: `each TTL of the tier "${tier.name}"`,
      value: unknown.toString(),
      allowed: 'a number that is known at synthesis',
      rule: 'The edge function finds the TTLs in a file beside its code, because Lambda@Edge has no environment variables.',
      fix: 'Give a plain Duration, without a token.',
    });
  }
  // Origin Shield stands before the read origin only.
  const byContinent = all.find(
    ({ tier, origin }) => tier.cached && !origin && Object.keys(tier.continents).length > 0,
  )?.tier;
  if (originShieldRegion === undefined || byContinent === undefined) return;
  throw invalidValue(at, {
    property: 'originShieldRegion',
    value: originShieldRegion,
    allowed: `left out, because the tier "${byContinent.name}" has TTLs by part of the world`,
    rule: 'With Origin Shield, CloudFront runs origin-response functions in its region, and they no longer learn where the viewer is.',
    fix: 'Leave out `originShieldRegion`, or vary the tier with `continents: {}`.',
  });
}

function checkMethods(
  at: Placed,
  property: string,
  { tier, methods }: EdgeBehavior,
  props: EdgeOriginsProps,
): void {
  if (tier.cached && methods !== undefined && methods !== 'read') {
    throw invalidValue(at, {
      property,
      value: methods,
      allowed: `'read' with the cached tier "${tier.name}"`,
      rule: 'A cached behavior drops the cookies and most headers of a request, which writes need.',
      fix: 'Use `CacheTier.uncached()`, or give writes a path pattern of their own before this one.',
    });
  }
  // VPC origins are told apart by their regions.
  if (methods !== 'split' || props.vpcOrigins) return;
  checkOtherOrigin(at, property, methods, props);
  for (const name of ['readOriginName', 'writeOriginName', 'batchOriginName'] as const) {
    if (!Token.isUnresolved(props[name])) continue;
    throw invalidValue(at, {
      property: name,
      value: props[name],
      allowed: `known at synthesis, because of ${property}`,
      rule: 'The edge function finds the names in a file beside its code, because Lambda@Edge has no environment variables.',
      fix: 'Give the name as plain text.',
    });
  }
}

/** A cached tier also excludes all methods but `read`, and with them batch patterns. */
function checkOwnOrigin(
  at: Placed,
  i: number,
  { origin, tier }: EdgeBehavior,
  vpcOrigins: boolean,
): void {
  if (origin === undefined) return;
  if (!tier.cached) {
    throw invalidValue(at, {
      property: `behaviors[${i}].tier`,
      value: tier.name,
      allowed: 'a cached tier, because the behavior has an `origin` of its own',
      rule: 'An uncached path has its origin chosen by its methods, and sends it the cookies and the query of the viewer.',
      fix: 'Use a tier such as `CacheTier.immutable()`, or leave `origin` out.',
    });
  }
  if (tier.query !== 'none') {
    throw invalidValue(at, {
      property: `query of the tier "${tier.name}"`,
      value: tier.query,
      allowed: `'none', because behaviors[${i}] has an \`origin\` of its own`,
      rule: 'CloudFront signs what it asks a bucket, and S3 follows a signed query: viewers could choose `versionId` and `response-content-type`.',
      fix: "Use `CacheTier.immutable()`, or a tier with `query: 'none'`.",
    });
  }
  const varies = (['varyByLanguage', 'varyByImageFormat'] as const).find((option) => tier[option]);
  if (!vpcOrigins || varies === undefined) return;
  throw invalidValue(at, {
    property: `${varies} of the tier "${tier.name}"`,
    value: true,
    allowed: `false, because behaviors[${i}] has an \`origin\` of its own beside \`vpcOrigins\``,
    rule: 'The function that negotiates also selects a region there, so it does not run for an origin that is in none.',
    fix: 'Use a tier without it, or public origins.',
  });
}

function checkBatchPatterns(
  at: Placed,
  property: string,
  { pathPattern, methods, batchPatterns }: EdgeBehavior,
  batchOriginName: string | undefined,
): void {
  if (batchPatterns === undefined) return;
  if (methods !== 'split' || batchOriginName === undefined) {
    throw invalidValue(at, {
      property,
      value: batchPatterns,
      allowed: "left out without `methods: 'split'` and a `batchOriginName`",
      rule: 'The edge function that splits methods also chooses the batch origin.',
      fix: 'Give both, or remove it.',
    });
  }
  const wrong = batchPatterns.find((pattern) => !isPathPattern(pattern));
  if (wrong !== undefined) throw notAPathPattern(at, property, wrong);
  const outside = batchPatterns.find(
    (pattern) => !Token.isUnresolved(pathPattern) && !catchesAll(pathPattern, pattern),
  );
  if (outside === undefined) return;
  throw invalidValue(at, {
    property,
    value: outside,
    allowed: `within the pattern of their behavior, ${pathPattern}`,
    rule: 'Only requests that CloudFront gives to this behavior reach the function that knows the pattern.',
    fix: 'Narrow it, or give it to the behavior of those paths.',
  });
}

function notAPathPattern(at: Placed, property: string, pattern: string): IsochroneError {
  return invalidValue(at, {
    property,
    value: pattern,
    allowed: '1 to 255 of the characters A-Z a-z 0-9 _ - . * $ / ~ " \' @ : + & ?',
    rule: 'CloudFront refuses others.',
    fix: 'Put `?` where such a character stands, or `*`.',
  });
}
