import { Duration, type SecretValue } from 'aws-cdk-lib';
import type * as cloudfront from 'aws-cdk-lib/aws-cloudfront';
import * as origins from 'aws-cdk-lib/aws-cloudfront-origins';
import type { Construct } from 'constructs';
import { type HasPath, invalidValue } from '../../../model/errors';
import { brokenRule, cloudfrontRules, type Rule } from '../../../model/rules';
import { checkRule } from '../../house-rules';
import type { EdgeMethods } from './behavior';
import { checkHostName } from './domain-names';
import { type EdgeVpcOrigins, VpcOriginSet } from './vpc-origins';

/** A header that proves to the origin that a request came through this distribution. */
export interface EdgeOriginVerification {
  /**
   * The name of the header. The origin refuses requests without it, or with another value.
   *
   * @default 'x-origin-verify'
   */
  readonly headerName?: string;
  /**
   * The header's value, such as `SecretValue.secretsManager('name')`. The template has only the
   * name: CloudFormation reads the secret of that name in us-east-1 at deployment, and again when
   * the reference changes, for example to another `versionId`.
   */
  readonly secret: SecretValue;
}

/** The origins of an EdgeDistribution. */
export interface EdgeOriginsProps {
  /**
   * The DNS name of the read origin, over HTTPS. It may resolve to the region nearest to the edge
   * location.
   *
   * With `vpcOrigins`, it is only the name that CloudFront sends to every origin in `Host` and in
   * TLS: it needs no DNS record.
   */
  readonly readOriginName: string;
  /**
   * Load balancers in private subnets, one per region, in place of origins on the internet. A
   * CloudFront Function then selects the nearest region for reads of `read` and `split` methods,
   * and nothing runs on Lambda@Edge, because VPC origins do not take its origin triggers. This
   * excludes `readFailover`, `batchOriginName` and `writeOriginName`. Unless `tierTtls` is turned
   * off, it also excludes tiers with `continents`, `browserTtl`, `staleWhileRevalidate`,
   * `staleIfError`, an `errorTtl` of their own, or a `setCookie` other than `strip`.
   *
   * @default - origins on the internet, and Lambda@Edge
   */
  readonly vpcOrigins?: EdgeVpcOrigins;
  /**
   * The DNS name of the write origin, over HTTPS. It also serves all uncached paths.
   *
   * @default - the read origin
   */
  readonly writeOriginName?: string;
  /**
   * The DNS name of the batch origin, over HTTPS, such as that of the cheapest region. Used by
   * `batchPatterns`.
   *
   * @default - no batch origin
   */
  readonly batchOriginName?: string;
  /**
   * Send a read to the write origin when the read origin cannot be reached, or answers 500, 502,
   * 503 or 504. For behaviors of `read` methods: CloudFront uses an origin group for GET, HEAD and
   * OPTIONS only.
   *
   * @default false
   */
  readonly readFailover?: boolean;
  /**
   * The region of Origin Shield, one more cache in front of the read origin. That region then
   * fetches all misses of the world: with a read origin in several regions, reads no longer reach
   * the nearest one, and no tier can have `continents`.
   *
   * @default - no Origin Shield
   */
  readonly originShieldRegion?: string;
  /**
   * The header that proves to the origins that a request came through this distribution.
   *
   * @default - no header: a client that learns an origin's name can bypass the edge and its web ACL
   */
  readonly originVerification?: EdgeOriginVerification;
}

/** The replacement of VPC origins in error messages. */
export const PUBLIC_ORIGINS = 'public origins';

/**
 * An Application Load Balancer closes an idle connection after 60 s by default. CloudFront must
 * close it first.
 */
const ORIGIN_KEEPALIVE = Duration.seconds(55);

/** The answers of a failing region, among the codes that an origin group can fail over on. */
const FAILOVER_STATUS_CODES: readonly number[] = [500, 502, 503, 504];

/**
 * "Custom headers that CloudFront can't add to origin requests", Amazon CloudFront developer guide:
 * these prefixes are reserved.
 */
const CUSTOM_HEADER: Rule<string> = {
  allows: (name) => /^x-(?!amz-|edge-|real-ip$)[a-z0-9-]+$/i.test(name),
  allowed: 'a header that begins with `x-`, other than `x-amz-…`, `x-edge-…` and `x-real-ip`',
  rule: 'CloudFront reserves those, and the standard ones.',
  fix: 'Leave it out, or use a name such as `x-origin-verify`.',
};

/** The origin for each kind of methods, if origins are on the internet. */
export function publicOrigins(props: EdgeOriginsProps): Record<EdgeMethods, cloudfront.IOrigin> {
  const customHeaders = originHeaders(props.originVerification);
  const read = new origins.HttpOrigin(props.readOriginName, {
    originId: 'read',
    customHeaders,
    originShieldRegion: props.originShieldRegion,
    keepaliveTimeout: ORIGIN_KEEPALIVE,
  });
  // Without Origin Shield, which is a cache: requests to this origin are never cached.
  const write = new origins.HttpOrigin(props.writeOriginName ?? props.readOriginName, {
    originId: 'write',
    customHeaders,
    keepaliveTimeout: ORIGIN_KEEPALIVE,
  });
  return {
    read: props.readFailover
      ? new origins.OriginGroup({
          primaryOrigin: read,
          fallbackOrigin: write,
          fallbackStatusCodes: [...FAILOVER_STATUS_CODES],
        })
      : read,
    all: write,
    // Not the read origin itself: writes pass through it, so it has neither Origin Shield nor
    // failover.
    split: new origins.HttpOrigin(props.readOriginName, {
      originId: 'split',
      customHeaders,
      keepaliveTimeout: ORIGIN_KEEPALIVE,
    }),
  };
}

/** The origins of all regions, if they are in private subnets. */
export function vpcOriginSet(
  scope: Construct,
  props: EdgeOriginsProps,
  { primary, others, switchesName }: EdgeVpcOrigins,
): VpcOriginSet {
  return new VpcOriginSet(scope, 'VpcOrigins', {
    primary,
    others,
    switchesName,
    domainName: props.readOriginName,
    customHeaders: originHeaders(props.originVerification),
    keepaliveTimeout: ORIGIN_KEEPALIVE,
  });
}

function originHeaders(
  verify: EdgeOriginVerification | undefined,
): Record<string, string> | undefined {
  if (verify === undefined) return undefined;
  // This is a dynamic reference: neither the template nor this process has the value.
  return { [verify.headerName ?? 'x-origin-verify']: verify.secret.unsafeUnwrap() };
}

/** @throws IsochroneError if CloudFront would refuse a value, or nothing would use it */
export function checkOrigins(at: HasPath, props: EdgeOriginsProps): void {
  for (const property of ['readOriginName', 'writeOriginName', 'batchOriginName'] as const) {
    const name = props[property];
    if (name === undefined) continue;
    checkHostName(at, {
      property,
      name,
      rule:
        "CloudFront takes no addresses as origins, and checks the name against the origin's " +
        'certificate.',
    });
  }
  const headerName = props.originVerification?.headerName;
  if (headerName !== undefined)
    checkRule(at, 'originVerification.headerName', CUSTOM_HEADER, headerName);
  checkOriginShield(at, props.originShieldRegion);
  if (props.vpcOrigins) checkVpcOrigins(at, props, props.vpcOrigins);
  if (props.readFailover) checkOtherOrigin(at, 'readFailover', true, props);
}

/** Checks an option that needs a write origin other than the read origin. */
export function checkOtherOrigin(
  at: HasPath,
  property: string,
  value: unknown,
  { readOriginName, writeOriginName }: EdgeOriginsProps,
): void {
  if (writeOriginName !== undefined && writeOriginName !== readOriginName) return;
  throw invalidValue(at, {
    property,
    value,
    allowed: 'left out without a `writeOriginName` other than `readOriginName`',
    rule: 'There is only one origin to choose.',
    fix: 'Give `writeOriginName`.',
  });
}

function checkVpcOrigins(
  at: HasPath,
  props: EdgeOriginsProps,
  { primary, others }: EdgeVpcOrigins,
): void {
  if (props.writeOriginName !== undefined) {
    throw invalidValue(at, {
      property: 'writeOriginName',
      value: props.writeOriginName,
      allowed: 'left out with VPC origins',
      rule: 'With VPC origins, the primary region takes all writes.',
      fix: `Remove it, or use ${PUBLIC_ORIGINS}.`,
    });
  }
  // Tokens are refused too: no value would have an effect.
  for (const [property, neutral] of [
    ['batchOriginName', undefined],
    ['readFailover', false],
  ] as const) {
    const value = props[property];
    const context = { neutral, publicOrigins: PUBLIC_ORIGINS, alternative: 'Remove it' };
    const broken = brokenRule(cloudfrontRules.OPTION_WITH_VPC_ORIGINS, value, context);
    if (broken) throw invalidValue(at, { property, value, ...broken });
  }
  const { originShieldRegion: value } = props;
  if (value !== undefined) {
    const context = { perRegionOption: '`vpcOrigins`' };
    const broken = brokenRule(cloudfrontRules.SHIELD_WITH_VPC_ORIGINS, value, context);
    if (broken) throw invalidValue(at, { property: 'originShieldRegion', value, ...broken });
  }
  for (const { originShieldRegion } of [primary, ...(others ?? [])])
    checkOriginShield(at, originShieldRegion);
}

function checkOriginShield(at: HasPath, region: string | undefined): void {
  if (region === undefined) return;
  checkRule(at, 'originShieldRegion', cloudfrontRules.ORIGIN_SHIELD_REGION, region);
}
