import type * as cloudfront from 'aws-cdk-lib/aws-cloudfront';
import type { CacheTier } from '../tiers';

/** The methods that a behavior takes, and their origin: see {@link EdgeBehavior.methods}. */
export type EdgeMethods = 'read' | 'all' | 'split';

/** How CloudFront serves the paths of one pattern. */
export interface EdgeBehavior {
  /**
   * The paths. `*` stands for any characters, `?` for exactly one; case matters. CloudFront takes
   * the first behavior that matches.
   */
  readonly pathPattern: string;
  /** How long, and under which key, responses are cached. */
  readonly tier: CacheTier;
  /**
   * - `read`: GET, HEAD and OPTIONS, from the read origin.
   * - `all`: every method, from the write origin; for uncached tiers only.
   * - `split`: every method; GET, HEAD and OPTIONS from the read origin, the others from the write
   *   origin, by an edge function on each request. The response to a write gets the cookie
   *   `__Host-isochrone-wrote`, with which its viewer reads from the write origin for the duration
   *   of `recentWriter`. For uncached tiers only, and only useful if reads and writes share paths.
   *
   * @default - `read` for a cached tier, `all` for an uncached one
   */
  readonly methods?: EdgeMethods;
  /**
   * Patterns within `pathPattern` whose requests go to the batch origin, whatever their method. For
   * `split` only.
   *
   * @default - no request goes to the batch origin
   */
  readonly batchPatterns?: readonly string[];
  /**
   * An origin of the behavior's own, such as that of a StaticContent. The tier must be cached,
   * which implies `read` methods, and its `query` must be `none`: CloudFront signs its requests to
   * a bucket, and S3 lets a signed query choose versions and headers of the response. This origin
   * gets no `originVerification`. If it has an Origin Shield of its own, `continents` of the tier
   * have no effect.
   *
   * @default - the origin of the methods
   */
  readonly origin?: cloudfront.IOrigin;
}

/** The methods of a behavior, or the default ones of its tier. */
export function methodsOf({ methods, tier }: EdgeBehavior): EdgeMethods {
  return methods ?? (tier.cached ? 'read' : 'all');
}
