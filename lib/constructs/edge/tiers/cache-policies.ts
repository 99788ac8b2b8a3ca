import { Duration, Names } from 'aws-cdk-lib';
import * as cloudfront from 'aws-cdk-lib/aws-cloudfront';
import { Construct } from 'constructs';
import { CLOUDFRONT } from '../../../model/aws';
import { invalidValue } from '../../../model/errors';
import type { CacheTier } from './cache-tier';

/**
 * The header that carries the negotiated language; the edge function `normalize-cache-key` sets it.
 */
export const LANGUAGE_HEADER = 'x-isochrone-language';

/**
 * The header that carries the negotiated image format; the edge function `normalize-cache-key` sets
 * it.
 */
export const IMAGE_FORMAT_HEADER = 'x-isochrone-image-format';

/**
 * What an answer to a request across origins depends on: "CORS request" and "CORS-preflight
 * request", Fetch standard.
 */
const CORS_HEADERS = [
  'origin',
  'access-control-request-headers',
  'access-control-request-method',
] as const;

/** Properties of {@link CachePolicies}. */
export interface CachePoliciesProps {
  /**
   * Cache policies that may be made here. The account's quota counts those of all distributions.
   *
   * @default 20, the quota of an account
   */
  readonly quota?: number;
}

/** What a cache policy says, and therefore what makes two of them the same. */
interface Content {
  readonly minTtl: number;
  readonly defaultTtl: number;
  readonly maxTtl: number;
  readonly compress: boolean;
  /** Sorted, so that the order in which someone names them makes no difference. */
  readonly query: 'none' | 'all' | readonly string[];
  readonly headers: readonly string[];
}

const CACHING_OPTIMIZED: Content = {
  minTtl: 1,
  defaultTtl: 86_400,
  maxTtl: 31_536_000,
  compress: true,
  query: 'none',
  headers: [],
};

/**
 * AWS's own policies do not count against the quota. "Using the managed cache policies", Amazon
 * CloudFront developer guide.
 */
const MANAGED: ReadonlyMap<string, cloudfront.ICachePolicy> = new Map([
  [fingerprint(CACHING_OPTIMIZED), cloudfront.CachePolicy.CACHING_OPTIMIZED],
  [
    fingerprint({ ...CACHING_OPTIMIZED, compress: false }),
    cloudfront.CachePolicy.CACHING_OPTIMIZED_FOR_UNCOMPRESSED_OBJECTS,
  ],
]);

/**
 * The cache policies of one distribution: one for each content, AWS's own where one says exactly
 * the same.
 *
 * Cookies are never in a key, and `Accept-Encoding` only as CloudFront normalises it.
 */
export class CachePolicies extends Construct {
  private readonly policies = new Map<string, cloudfront.ICachePolicy>();
  private readonly tiers = new Map<string, string>();
  private readonly quota: number;

  constructor(scope: Construct, id: string, props: CachePoliciesProps = {}) {
    super(scope, id);
    this.quota = props.quota ?? CLOUDFRONT.cachePoliciesPerAccount;
  }

  /**
   * @throws IsochroneError if the tier has the name of a different one, or needs a policy beyond
   * the quota
   */
  public policyOf(tier: CacheTier): cloudfront.ICachePolicy {
    if (!tier.cached) return cloudfront.CachePolicy.CACHING_DISABLED;
    const content = contentOf(tier);
    const key = fingerprint(content);
    this.checkName(tier, key);
    const known = MANAGED.get(key) ?? this.policies.get(key);
    if (known) return known;
    if (this.policies.size >= this.quota) {
      throw invalidValue(this, {
        property: `the number of cache policies, with that of the tier "${tier.name}",`,
        value: this.policies.size + 1,
        allowed: `at most ${this.quota}`,
        rule: `An account has ${CLOUDFRONT.cachePoliciesPerAccount} cache policies unless AWS raises the quota.`,
        fix: 'Let tiers share their TTLs and key, or raise `maxCachePolicies` to your quota.',
      });
    }
    const policy = this.create(tier.name, content);
    this.policies.set(key, policy);
    return policy;
  }

  private checkName(tier: CacheTier, key: string): void {
    const other = this.tiers.get(tier.name);
    this.tiers.set(tier.name, key);
    if (other === undefined || other === key) return;
    throw invalidValue(this, {
      property: 'the name of a tier',
      value: tier.name,
      allowed: 'that of one tier only',
      rule: 'Two tiers with different TTLs or keys have this name, and one could be taken for the other.',
      fix: 'Give one of them another name: `tier.with({ name: … })`.',
    });
  }

  private create(name: string, content: Content): cloudfront.ICachePolicy {
    const { CacheQueryStringBehavior: query, CacheHeaderBehavior: header } = cloudfront;
    return new cloudfront.CachePolicy(this, name, {
      // CDK's own name is cut at its end, where the names of two policies differ.
      cachePolicyName: `${Names.uniqueResourceName(this, { maxLength: 80, separator: '-' })}-${name}`,
      minTtl: Duration.seconds(content.minTtl),
      defaultTtl: Duration.seconds(content.defaultTtl),
      maxTtl: Duration.seconds(content.maxTtl),
      enableAcceptEncodingGzip: content.compress,
      enableAcceptEncodingBrotli: content.compress,
      queryStringBehavior:
        typeof content.query === 'string'
          ? query[content.query]()
          : query.allowList(...content.query),
      headerBehavior:
        content.headers.length === 0 ? header.none() : header.allowList(...content.headers),
    });
  }
}

function contentOf(tier: CacheTier): Content {
  const { query } = tier;
  return {
    minTtl: tier.minTtl.toSeconds(),
    defaultTtl: tier.defaultTtl.toSeconds(),
    // One policy serves the whole world: the edge function holds each part of it to its own
    // maximum.
    maxTtl: tier.longestTtl.toSeconds(),
    compress: tier.compress,
    // What is denied is gone before CloudFront forms the key; a policy knows no wildcards.
    query: query === 'none' ? 'none' : 'deny' in query ? 'all' : [...query.allow].sort(),
    headers: [
      ...(tier.varyByLanguage ? [LANGUAGE_HEADER] : []),
      ...(tier.varyByImageFormat ? [IMAGE_FORMAT_HEADER] : []),
      ...(tier.cors ? CORS_HEADERS : []),
    ],
  };
}

function fingerprint(content: Content): string {
  return JSON.stringify([
    content.minTtl,
    content.defaultTtl,
    content.maxTtl,
    content.compress,
    content.query,
    content.headers,
  ]);
}
