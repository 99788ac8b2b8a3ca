/**
 * A CloudFront distribution as the model sees it: what a synthesized template says, resolved to
 * plain values.
 */
import type { Selection } from './selection';

/** What decides how long an answer is kept, and under which key. Seconds. */
export interface CachePolicyModel {
  readonly name: string;
  readonly minTtlSeconds: number;
  readonly defaultTtlSeconds: number;
  readonly maxTtlSeconds: number;
  /**
   * `kind` is `none`, `only`, or `all` of the older settings without a policy, which caches
   * nothing.
   */
  readonly headers: Selection;
  readonly query: Selection;
  readonly cookies: Selection;
  readonly gzip: boolean;
  readonly brotli: boolean;
}

/** What goes on to the origin beside what is in the key. */
export interface OriginRequestModel {
  readonly headers: Selection;
  readonly query: Selection;
  readonly cookies: Selection;
}

/**
 * Set on answers to requests with `Origin` only. "Understand response headers policies", "CORS
 * headers".
 */
export interface CorsModel {
  /** Of the origin's own headers of the same names. */
  readonly override: boolean;
  /** As the template has them: `*`, or origins with a `*` in them. */
  readonly allowOrigins: readonly string[];
  /** The others, such as `access-control-allow-methods`. */
  readonly set: Readonly<Record<string, string>>;
  /** Those of them for answers to preflight requests (OPTIONS) only. */
  readonly preflightOnly: readonly string[];
}

export interface ResponseHeadersModel {
  readonly cors?: CorsModel;
  /** In lower case. */
  readonly remove: readonly string[];
  readonly set: readonly {
    readonly name: string;
    readonly value: string;
    readonly override: boolean;
  }[];
}

export type EdgeEvent = 'viewer-request' | 'viewer-response' | 'origin-request' | 'origin-response';

/** One edge function of a behaviour, with its code. */
export interface EdgeFunctionModel {
  readonly kind: 'lambda-edge' | 'cloudfront-function';
  /** As a report names it: the logical id. */
  readonly name: string;
  /** The folder of its asset; for `lambda-edge`. */
  readonly directory?: string;
  /** Such as `index.handler`; for `lambda-edge`. */
  readonly handler?: string;
  /** Seconds that it may run; for `lambda-edge`. */
  readonly timeoutSeconds?: number;
  /** The source; for `cloudfront-function`. */
  readonly code?: string;
}

export interface BehaviorModel {
  /** `*` for the default one. */
  readonly pathPattern: string;
  readonly allowedMethods: readonly string[];
  /** GET and HEAD, and OPTIONS where the template says so. */
  readonly cachedMethods: readonly string[];
  readonly viewerProtocolPolicy: 'allow-all' | 'https-only' | 'redirect-to-https';
  readonly compress: boolean;
  /** Of an origin or an origin group. */
  readonly originId: string;
  readonly cachePolicy: CachePolicyModel;
  readonly originRequest: OriginRequestModel;
  readonly responseHeaders?: ResponseHeadersModel;
  readonly functions: Readonly<Partial<Record<EdgeEvent, EdgeFunctionModel>>>;
}

export interface OriginModel {
  readonly id: string;
  /** As the template has it; of a reference, the logical id. */
  readonly domainName: string;
  readonly kind: 's3' | 'custom' | 'vpc';
  readonly path: string;
  readonly customHeaders: Readonly<Record<string, string>>;
  /** How CloudFront speaks to it. */
  readonly protocolPolicy: 'http-only' | 'https-only' | 'match-viewer';
  /** The region of Origin Shield. */
  readonly shieldRegion?: string;
}

export interface OriginGroupModel {
  readonly id: string;
  readonly memberIds: readonly [primary: string, fallback: string];
  readonly failoverStatusCodes: readonly number[];
}

export interface DistributionModel {
  /**
   * The path of its stack and its logical id:
   * `market-production/us-east-1/Edge/Distribution20DB6340`.
   */
  readonly id: string;
  readonly domainNames: readonly string[];
  /** In the order in which they are tried; the default one last. */
  readonly behaviors: readonly BehaviorModel[];
  readonly origins: Readonly<Record<string, OriginModel>>;
  readonly originGroups: Readonly<Record<string, OriginGroupModel>>;
  /**
   * Seconds that an error answer is kept at least, by status, where the template says so; 10
   * otherwise.
   */
  readonly errorMinTtlSeconds: Readonly<Record<number, number>>;
  /** Pages in place of error answers. */
  readonly errorPages: Readonly<Record<number, { readonly path: string; readonly status: number }>>;
  /** What `/` stands for, without a slash in front. */
  readonly defaultRootObject?: string;
  /**
   * Sentences: what of the template the model leaves out, such as a function that lies elsewhere.
   */
  readonly gaps: readonly string[];
}
