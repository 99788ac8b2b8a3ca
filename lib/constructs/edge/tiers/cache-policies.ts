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

/** The header that carries the negotiated image format, set by the same function. */
export const IMAGE_FORMAT_HEADER = 'x-isochrone-image-format';

/**
 * The headers that a response to a cross-origin request depends on: "CORS request" and
 * "CORS-preflight request", Fetch standard.
 */
const CORS_HEADERS = [
  'origin',
  'access-control-request-headers',
  'access-control-request-method',
] as const;

/** Properties of {@link CachePolicies}. */
export interface CachePoliciesProps {
  /**
   * How many cache policies may be created here. The account's quota counts those of all
   * distributions.
   *
   * @default 20, the quota of an account
   */
  readonly quota?: number;
}

/** The content of a cache policy. Two policies of the same content are interchangeable. */
interface PolicyContent {
  readonly minTtl: number;
  readonly defaultTtl: number;
  readonly maxTtl: number;
  readonly compress: boolean;
  /** Names are sorted, so that the order in which a tier lists them makes no difference. */
  readonly query: 'none' | 'all' | readonly string[];
  readonly headers: readonly string[];
}

const CACHING_OPTIMIZED: PolicyContent = {
  minTtl: 1,
  defaultTtl: 86_400,
  maxTtl: 31_536_000,
  compress: true,
  query: 'none',
  headers: [],
};

/**
 * AWS's own policies do not count against the quota: "Using the managed cache policies", Amazon
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
 * The cache policies of one distribution. Tiers of equal content share a policy, and AWS's managed
 * policy is used where it has exactly that content.
 *
 * Cookies are never in a key, and `Accept-Encoding` only as CloudFront normalizes it.
 */
export class CachePolicies extends Construct {
  private readonly policies = new Map<string, cloudfront.ICachePolicy>();
  /** Fingerprints by the name of the tier. */
  private readonly tiers = new Map<string, string>();
  private readonly quota: number;

  constructor(scope: Construct, id: string, props: CachePoliciesProps = {}) {
    super(scope, id);
    this.quota = props.quota ?? CLOUDFRONT.cachePoliciesPerAccount;
  }

  /**
   * The policy of a tier.
   *
   * @throws IsochroneError if a different tier has the same name, or the policy is beyond the quota
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
        rule:
          'All distributions of the account share a quota, by default of ' +
          `${CLOUDFRONT.cachePoliciesPerAccount} policies.`,
        fix: 'Give tiers the same TTLs and key, or raise `maxCachePolicies` to your quota.',
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
      rule:
        'Two tiers with different TTLs or keys have this name, and one could be taken for the ' +
        'other.',
      fix: 'Give one of them another name: `tier.with({ name: … })`.',
    });
  }

  private create(name: string, content: PolicyContent): cloudfront.ICachePolicy {
    const { CacheQueryStringBehavior: query, CacheHeaderBehavior: header } = cloudfront;
    const prefix = Names.uniqueResourceName(this, { maxLength: 80, separator: '-' });
    return new cloudfront.CachePolicy(this, name, {
      // CDK cuts its own name at the end, which is where the names of two policies differ.
      cachePolicyName: `${prefix}-${name}`,
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

function contentOf(tier: CacheTier): PolicyContent {
  const { query } = tier;
  return {
    minTtl: tier.minTtl.toSeconds(),
    defaultTtl: tier.defaultTtl.toSeconds(),
    // One policy serves the whole world; the edge function applies the maximum of each part.
    maxTtl: tier.longestTtl.toSeconds(),
    compress: tier.compress,
    // The edge function removes denied parameters before CloudFront forms the key; a policy has no
    // wildcards.
    query: query === 'none' ? 'none' : 'deny' in query ? 'all' : [...query.allow].sort(),
    headers: [
      ...(tier.varyByLanguage ? [LANGUAGE_HEADER] : []),
      ...(tier.varyByImageFormat ? [IMAGE_FORMAT_HEADER] : []),
      ...(tier.cors ? CORS_HEADERS : []),
    ],
  };
}

function fingerprint(content: PolicyContent): string {
  return JSON.stringify([
    content.minTtl,
    content.defaultTtl,
    content.maxTtl,
    content.compress,
    content.query,
    content.headers,
  ]);
}
