/**
 * A CloudFront distribution as the model represents it: the configuration of a synthesized
 * template, resolved to plain values.
 */
import type { Selection } from './selection';

/** The cache policy of a behavior: TTLs in seconds, and the parts of the cache key. */
export interface CachePolicyModel {
  readonly name: string;
  readonly minTtlSeconds: number;
  readonly defaultTtlSeconds: number;
  readonly maxTtlSeconds: number;
  /**
   * `kind` is `none`, `only`, or, in legacy settings without a policy, `all`, which disables
   * caching.
   */
  readonly headers: Selection;
  readonly query: Selection;
  readonly cookies: Selection;
  readonly gzip: boolean;
  readonly brotli: boolean;
}

/**
 * The headers, query strings and cookies that CloudFront sends to the origin beside those of the
 * cache key.
 */
export interface OriginRequestModel {
  readonly headers: Selection;
  readonly query: Selection;
  readonly cookies: Selection;
}

/**
 * CORS headers. CloudFront adds them only to responses to requests with `Origin`: "CORS headers" in
 * "Understand response headers policies".
 */
export interface CorsModel {
  /** Whether the policy replaces the origin's own CORS headers. */
  readonly override: boolean;
  /** As in the template: `*`, or origins that may contain `*`. */
  readonly allowOrigins: readonly string[];
  /** Headers other than `access-control-allow-origin`, such as `access-control-allow-methods`. */
  readonly set: Readonly<Record<string, string>>;
  /** The names in `set` that apply to responses to preflight requests (OPTIONS) only. */
  readonly preflightOnly: readonly string[];
}

/** A response headers policy. */
export interface ResponseHeadersModel {
  readonly cors?: CorsModel;
  /** Header names in lower case. */
  readonly remove: readonly string[];
  readonly set: readonly {
    readonly name: string;
    readonly value: string;
    readonly override: boolean;
  }[];
}

export type EdgeEvent = 'viewer-request' | 'viewer-response' | 'origin-request' | 'origin-response';

/** An edge function of a behavior, with its code. */
export interface EdgeFunctionModel {
  readonly kind: 'lambda-edge' | 'cloudfront-function';
  /** The logical ID, which reports use as the name. */
  readonly name: string;
  /**
   * The folder of the function's asset; for `lambda-edge`.
   *
   * @default - the code is in `code`
   */
  readonly directory?: string;
  /**
   * Such as `index.handler`; for `lambda-edge`.
   *
   * @default - none: CloudFront Functions have no handler setting
   */
  readonly handler?: string;
  /**
   * The configured timeout; for `lambda-edge`.
   *
   * @default - the limit of the event type
   */
  readonly timeoutSeconds?: number;
  /**
   * The source code; for `cloudfront-function`, and for a `lambda-edge` function with inline code.
   *
   * @default - the code is in `directory`
   */
  readonly code?: string;
}

/** A cache behavior. */
export interface BehaviorModel {
  /** `*` for the default behavior. */
  readonly pathPattern: string;
  readonly allowedMethods: readonly string[];
  /** GET and HEAD, and OPTIONS if the template lists it. */
  readonly cachedMethods: readonly string[];
  readonly viewerProtocolPolicy: 'allow-all' | 'https-only' | 'redirect-to-https';
  readonly compress: boolean;
  /** The ID of an origin or an origin group. */
  readonly originId: string;
  readonly cachePolicy: CachePolicyModel;
  readonly originRequest: OriginRequestModel;
  readonly responseHeaders?: ResponseHeadersModel;
  readonly functions: Readonly<Partial<Record<EdgeEvent, EdgeFunctionModel>>>;
}

/** An origin. */
export interface OriginModel {
  readonly id: string;
  /** As in the template; for a reference, the logical ID. */
  readonly domainName: string;
  readonly kind: 's3' | 'custom' | 'vpc';
  readonly path: string;
  readonly customHeaders: Readonly<Record<string, string>>;
  /** The protocol from CloudFront to the origin. */
  readonly protocolPolicy: 'http-only' | 'https-only' | 'match-viewer';
  /**
   * The region of Origin Shield.
   *
   * @default - no Origin Shield
   */
  readonly shieldRegion?: string;
}

/** An origin group. */
export interface OriginGroupModel {
  readonly id: string;
  readonly memberIds: readonly [primary: string, fallback: string];
  readonly failoverStatusCodes: readonly number[];
}

/** A distribution. */
export interface DistributionModel {
  /**
   * The path of the stack and the logical ID, such as
   * `market-production/us-east-1/Edge/Distribution20DB6340`.
   */
  readonly id: string;
  readonly domainNames: readonly string[];
  /** In order of precedence; the default behavior is the last. */
  readonly behaviors: readonly BehaviorModel[];
  readonly origins: Readonly<Record<string, OriginModel>>;
  readonly originGroups: Readonly<Record<string, OriginGroupModel>>;
  /**
   * The error caching minimum TTL in seconds, by status code. CloudFront's default for other
   * statuses is 10.
   */
  readonly errorMinTtlSeconds: Readonly<Record<number, number>>;
  /** Custom error pages by the status code that they replace. */
  readonly errorPages: Readonly<Record<number, { readonly path: string; readonly status: number }>>;
  /**
   * The object served for `/`, without a leading slash.
   *
   * @default - `/` goes to the origin as it is
   */
  readonly defaultRootObject?: string;
  /**
   * Sentences that name the parts of the template that the model omits, such as a function whose
   * code is not in the assembly.
   */
  readonly gaps: readonly string[];
}
