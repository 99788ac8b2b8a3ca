import { Duration, type SecretValue, Token } from 'aws-cdk-lib';
import type * as cloudfront from 'aws-cdk-lib/aws-cloudfront';
import * as origins from 'aws-cdk-lib/aws-cloudfront-origins';
import type { Construct } from 'constructs';
import { invalidValue, type Placed } from '../../../model/errors';
import { checkOriginShield } from '../origin-shield';
import type { EdgeMethods } from './behavior';
import { checkHostName } from './domain-names';
import { type EdgeVpcOrigins, VpcOriginSet } from './vpc-origins';

/** A header by which the origin knows that a request came through this distribution. */
export interface EdgeOriginVerification {
  /**
   * The header. The origin refuses requests without it, or with another value.
   *
   * @default 'x-origin-verify'
   */
  readonly headerName?: string;
  /**
   * The header's value, such as `SecretValue.secretsManager('name')`: CloudFormation reads the
   * secret of that name in us-east-1 at deployment, and the template has only its name. It reads it
   * again when the reference changes, as with another `versionId`.
   */
  readonly secret: SecretValue;
}

/** The origins of an EdgeDistribution. */
export interface EdgeOriginsProps {
  /**
   * The DNS name of what answers reads, over HTTPS. It may lead to the region nearest to the edge
   * that asks.
   *
   * With `vpcOrigins` it is only what CloudFront asks every origin for, in `Host` and in TLS: no
   * record is needed.
   */
  readonly readOriginName: string;
  /**
   * Load balancers in private subnets, one per region, in place of origins on the internet. A
   * CloudFront Function then selects the nearest region for reads of `read` and `split` methods,
   * and nothing runs on Lambda@Edge: VPC origins do not take its origin triggers. So there is no
   * `readFailover`, `batchOriginName` and `writeOriginName`, and, unless `tierTtls` is turned off,
   * no tier may have `continents`, `browserTtl`, `staleWhileRevalidate`, `staleIfError`, an
   * `errorTtl` of its own, or a `setCookie` other than `strip`.
   *
   * @default - origins on the internet, and Lambda@Edge
   */
  readonly vpcOrigins?: EdgeVpcOrigins;
  /**
   * The DNS name of what takes writes and all that is not cached, over HTTPS.
   *
   * @default - the read origin
   */
  readonly writeOriginName?: string;
  /**
   * The DNS name of what takes batch work, over HTTPS: such as that of the cheapest region. Used by
   * `batchPatterns`.
   *
   * @default - none
   */
  readonly batchOriginName?: string;
  /**
   * Ask the write origin for a read when the read origin cannot be reached, or answers 500, 502,
   * 503 or 504. For behaviours of `read` methods: CloudFront takes an origin group for GET, HEAD
   * and OPTIONS only.
   *
   * @default false
   */
  readonly readFailover?: boolean;
  /**
   * The region of Origin Shield, one more cache in front of the read origin. All misses of the
   * world are then fetched from that region: with a read origin in several regions, reads no longer
   * reach the nearest one, and no tier can have TTLs of its own in some part of the world.
   *
   * @default - no Origin Shield
   */
  readonly originShieldRegion?: string;
  /**
   * The header by which the origins know this distribution.
   *
   * @default - none: anyone who learns an origin's name can pass by the edge, and by its web ACL
   */
  readonly originVerification?: EdgeOriginVerification;
}

/**
 * Below the 60 s after which an Application Load Balancer closes an idle connection by default, so
 * that CloudFront closes it first.
 */
const ORIGIN_KEEPALIVE = Duration.seconds(55);

/** What a region answers that cannot serve, of the codes that an origin group may fail over on. */
const FAILOVER_STATUS_CODES: readonly number[] = [500, 502, 503, 504];

/**
 * "Custom headers that CloudFront can't add to origin requests", Amazon CloudFront developer guide:
 * these prefixes are reserved.
 */
const CUSTOM_HEADER = /^x-(?!amz-|edge-|real-ip$)[a-z0-9-]+$/i;

/** The origin of each kind of methods, where origins are on the internet. */
export function publicOrigins(props: EdgeOriginsProps): Record<EdgeMethods, cloudfront.IOrigin> {
  const customHeaders = originHeaders(props.originVerification);
  const read = new origins.HttpOrigin(props.readOriginName, {
    originId: 'read',
    customHeaders,
    originShieldRegion: props.originShieldRegion,
    keepaliveTimeout: ORIGIN_KEEPALIVE,
  });
  // Origin Shield is a cache: of no use to requests that are never cached.
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
    // Of its own, without Origin Shield and failover: writes go through it as well.
    split: new origins.HttpOrigin(props.readOriginName, {
      originId: 'split',
      customHeaders,
      keepaliveTimeout: ORIGIN_KEEPALIVE,
    }),
  };
}

/** The origins of all regions, where they are in private subnets. */
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
  // A dynamic reference: the value itself is neither in the template nor here.
  return { [verify.headerName ?? 'x-origin-verify']: verify.secret.unsafeUnwrap() };
}

/**
 * @throws IsochroneError if a value is one that CloudFront does not take, or that nothing would use
 */
export function checkOrigins(at: Placed, props: EdgeOriginsProps): void {
  for (const property of ['readOriginName', 'writeOriginName', 'batchOriginName'] as const) {
    const name = props[property];
    if (name === undefined) continue;
    checkHostName(at, {
      property,
      name,
      rule: "CloudFront takes no addresses as origins, and checks the name against the origin's certificate.",
    });
  }
  checkOriginVerification(at, props.originVerification);
  checkOriginShield(at, props.originShieldRegion, 'the read origin');
  if (props.vpcOrigins) checkVpcOrigins(at, props, props.vpcOrigins);
  if (props.readFailover) checkOtherOrigin(at, 'readFailover', true, props);
}

/** For what needs a write origin that is not the read origin. */
export function checkOtherOrigin(
  at: Placed,
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

function checkOriginVerification(at: Placed, verify: EdgeOriginVerification | undefined): void {
  const headerName = verify?.headerName;
  if (headerName === undefined || Token.isUnresolved(headerName) || CUSTOM_HEADER.test(headerName))
    return;
  throw invalidValue(at, {
    property: 'originVerification.headerName',
    value: headerName,
    allowed: 'a header that begins with `x-`, other than `x-amz-…`, `x-edge-…` and `x-real-ip`',
    rule: 'CloudFront keeps those, and the standard ones, for itself.',
    fix: 'Leave it out, or use a name such as `x-origin-verify`.',
  });
}

function checkVpcOrigins(
  at: Placed,
  props: EdgeOriginsProps,
  { primary, others }: EdgeVpcOrigins,
): void {
  for (const property of [
    'writeOriginName',
    'batchOriginName',
    'readFailover',
    'originShieldRegion',
  ] as const) {
    if (props[property] === undefined || props[property] === false) continue;
    throw invalidValue(at, {
      property,
      value: String(props[property]),
      allowed: 'left out with `vpcOrigins`',
      rule: 'Each region has an origin of its own there: writes go to the primary one, and a CloudFront Function, which cannot follow a failed read, selects among all for reads. VPC origins do not take Lambda@Edge origin triggers.',
      fix:
        property === 'originShieldRegion'
          ? 'Give it to each of the `vpcOrigins`.'
          : 'Remove it, or use public origins.',
    });
  }
  for (const { originShieldRegion } of [primary, ...(others ?? [])])
    checkOriginShield(at, originShieldRegion, 'the read origin');
}
