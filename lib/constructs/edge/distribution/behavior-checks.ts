import { Token } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { CLOUDFRONT, isPathPattern } from '../../../model/aws';
import { type HasPath, invalidValue } from '../../../model/errors';
import { brokenRule, cloudfrontRules, type Rule } from '../../../model/rules';
import { checkRule } from '../../house-rules';
import type { CacheTier } from '../tiers';
import type { EdgeBehavior } from './behavior';
import { checkOtherOrigin, type EdgeOriginsProps, PUBLIC_ORIGINS } from './origins';

/** "Language-Tag", RFC 5646, without its grandfathered forms. */
const LANGUAGE_TAG = /^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$/;

const PATH_PATTERN: Rule<string> = {
  allows: isPathPattern,
  allowed: '1 to 255 of the characters A-Z a-z 0-9 _ - . * $ / ~ " \' @ : + & ?',
  rule: 'CloudFront accepts no other characters in a path pattern, and no longer one.',
  fix: 'Replace each other character with `?` or `*`.',
};

const LANGUAGE: Rule<string> = {
  allows: (language) => LANGUAGE_TAG.test(language),
  allowed: 'a BCP 47 tag',
  rule: 'Browsers ask for languages by such tags, whose case does not matter.',
  fix: 'Write it as `en` or `pt-BR`.',
};

const SETTINGS_ARE_A_FILE =
  'The edge function reads it from a file beside its code, because Lambda@Edge has no ' +
  'environment variables.';

/** The props of the distribution that the behaviors are checked against. */
export interface EdgeBehaviorContext extends EdgeOriginsProps {
  readonly languages?: readonly string[];
  readonly maxBehaviors?: number;
  readonly tierTtls?: boolean;
}

/**
 * @throws IsochroneError if CloudFront would refuse a behavior or never use it, or if an edge
 * function could not do what the behavior asks for
 */
export function checkBehaviors(
  at: Construct,
  behaviors: readonly EdgeBehavior[],
  defaultBehavior: EdgeBehavior,
  props: EdgeBehaviorContext,
): void {
  const all = [...behaviors, defaultBehavior];
  checkRule(at, 'behaviors', cloudfrontRules.NUMBER_OF_BEHAVIORS, behaviors.length, {
    max: props.maxBehaviors ?? CLOUDFRONT.cacheBehaviors,
    quotaOption: '`maxBehaviors`',
  });
  for (const i of behaviors.keys()) checkPathPattern(at, i, behaviors);
  checkLanguages(at, all, props.languages ?? []);
  checkTtls(at, all, props.originShieldRegion);
  if (props.vpcOrigins && (props.tierTtls ?? true)) {
    for (const { tier } of all) checkTierWithVpcOrigins(at, tier);
  }
  behaviors.forEach((behavior, i) => {
    if (behavior.origin !== undefined)
      checkOwnOrigin(at, `behaviors[${i}].tier`, behavior.tier, props.vpcOrigins !== undefined);
    checkMethods(at, `behaviors[${i}].methods`, behavior, props);
    if (behavior.batchPatterns !== undefined)
      checkBatchPatterns(
        at,
        `behaviors[${i}].batchPatterns`,
        behavior,
        behavior.batchPatterns,
        props.batchOriginName,
      );
  });
  checkMethods(at, 'defaultMethods', defaultBehavior, props);
}

function checkPathPattern(at: HasPath, i: number, behaviors: readonly EdgeBehavior[]): void {
  const pattern = behaviors[i]?.pathPattern;
  if (pattern === undefined || Token.isUnresolved(pattern)) return;
  const property = `behaviors[${i}].pathPattern`;
  checkRule(at, property, PATH_PATTERN, pattern);
  checkRule(at, property, cloudfrontRules.PATTERN_LEAVES_DEFAULT, pattern);
  const earlier = behaviors
    .slice(0, i)
    .map((other) => (Token.isUnresolved(other.pathPattern) ? undefined : other.pathPattern));
  checkRule(at, property, cloudfrontRules.PATTERN_IS_REACHED, pattern, earlier);
}

/** Checks a value that an edge function reads from its file, where no token is resolved. */
function checkKnown(at: HasPath, property: string, rule: Rule<string>, value: string): void {
  const broken = brokenRule(rule, value);
  if (broken) throw invalidValue(at, { property, value, ...broken });
}

function checkLanguages(
  at: HasPath,
  all: readonly EdgeBehavior[],
  languages: readonly string[],
): void {
  const lowerCase = languages.map((language) => language.toLowerCase());
  languages.forEach((language, i) => {
    checkKnown(at, `languages[${i}]`, LANGUAGE, language);
    checkRule(
      at,
      `languages[${i}]`,
      cloudfrontRules.NAMED_ONCE,
      lowerCase[i] ?? '',
      lowerCase.slice(0, i),
    );
  });
  const needing = all.find(({ tier }) => tier.cached && tier.varyByLanguage);
  if (needing === undefined || languages.length > 0) return;
  throw invalidValue(at, {
    property: 'languages',
    value: languages,
    allowed: `at least one language, because the tier "${needing.tier.name}" varies by language`,
    rule: 'The edge chooses among the languages of the origin.',
    fix: "Name them, the default one first, such as `['en', 'ja']`.",
  });
}

function checkTtls(
  at: HasPath,
  all: readonly EdgeBehavior[],
  originShieldRegion: string | undefined,
): void {
  for (const { tier } of all) {
    const unknown = tier.cached && tier.durations.find((duration) => duration.isUnresolved());
    if (!unknown) continue;
    throw invalidValue(at, {
      property: `each TTL of the tier "${tier.name}"`,
      value: unknown.toString(),
      allowed: 'a number that is known at synthesis',
      rule: SETTINGS_ARE_A_FILE,
      fix: 'Give a plain Duration, without a token.',
    });
  }
  // Origin Shield stands before the read origin only.
  for (const { tier, origin } of all) {
    if (!tier.cached || origin !== undefined) continue;
    checkRule(
      at,
      `continents of the tier "${tier.name}"`,
      cloudfrontRules.CONTINENTS_WITH_ORIGIN_SHIELD,
      Object.keys(tier.continents).join(', '),
      { shielded: originShieldRegion !== undefined },
    );
  }
}

/** Checks that no option of a tier needs an edge function on origin events. */
function checkTierWithVpcOrigins(at: HasPath, tier: CacheTier): void {
  if (!tier.cached) return;
  const continents = Object.keys(tier.continents).join(', ');
  const options: readonly (readonly [string, unknown, unknown?])[] = [
    ['continents', continents || undefined],
    ['browserTtl', tier.browserTtl?.toString()],
    ['staleWhileRevalidate', tier.staleWhileRevalidate?.toString()],
    ['staleIfError', tier.staleIfError?.toString()],
    ['errorTtl', tier.errorTtl.toSeconds(), CLOUDFRONT.errorCachingMinimumSeconds],
    ['setCookie', tier.setCookie, 'strip'],
  ];
  for (const [option, value, neutral] of options) {
    checkRule(
      at,
      `${option} of the tier "${tier.name}"`,
      cloudfrontRules.OPTION_WITH_VPC_ORIGINS,
      value,
      {
        neutral,
        publicOrigins: PUBLIC_ORIGINS,
        alternative:
          'Make the tier with `CacheTier.of`, and let the origin send it in `Cache-Control`',
      },
    );
  }
}

function checkMethods(
  at: HasPath,
  property: string,
  { tier, methods }: EdgeBehavior,
  props: EdgeOriginsProps,
): void {
  if (methods === undefined) return;
  checkRule(at, property, cloudfrontRules.METHODS_OF_CACHED_TIER, methods, {
    tier: tier.name,
    cached: tier.cached,
  });
  // VPC origins are told apart by their regions.
  if (methods !== 'split' || props.vpcOrigins) return;
  checkOtherOrigin(at, property, methods, props);
  for (const name of ['readOriginName', 'writeOriginName', 'batchOriginName'] as const) {
    if (!Token.isUnresolved(props[name])) continue;
    throw invalidValue(at, {
      property: name,
      value: props[name],
      allowed: `known at synthesis, because of ${property}`,
      rule: SETTINGS_ARE_A_FILE,
      fix: 'Give the name as plain text.',
    });
  }
}

/** A cached tier also excludes all methods but `read`, and with them batch patterns. */
function checkOwnOrigin(at: HasPath, property: string, tier: CacheTier, vpcOrigins: boolean): void {
  checkRule(at, property, cloudfrontRules.TIER_OF_OWN_ORIGIN, tier.name, {
    cached: tier.cached,
    hasQuery: tier.query !== 'none',
    queryOption: "`query: 'none'`",
  });
  if (!vpcOrigins) return;
  checkRule(at, property, cloudfrontRules.TIER_BESIDE_VPC_ORIGINS, tier.name, {
    negotiates: tier.varyByLanguage || tier.varyByImageFormat,
    publicOrigins: PUBLIC_ORIGINS,
  });
}

function checkBatchPatterns(
  at: HasPath,
  property: string,
  { pathPattern, methods }: EdgeBehavior,
  batchPatterns: readonly string[],
  batchOriginName: string | undefined,
): void {
  checkRule(at, property, cloudfrontRules.BATCH_NEEDS_SPLIT, batchPatterns, {
    splits: methods === 'split',
    hasBatchOrigin: batchOriginName !== undefined,
    batchOption: '`batchOriginName`',
  });
  for (const pattern of batchPatterns) checkKnown(at, property, PATH_PATTERN, pattern);
  for (const pattern of batchPatterns)
    checkRule(at, property, cloudfrontRules.BATCH_WITHIN_BEHAVIOR, pattern, { pathPattern });
}
