import type * as cloudfront from 'aws-cdk-lib/aws-cloudfront';
import type { CacheTier } from '../tiers';

/** Which methods a behaviour takes, and from where: see EdgeBehavior. */
export type EdgeMethods = 'read' | 'all' | 'split';

/** How the paths of one pattern are served. */
export interface EdgeBehavior {
  /**
   * `*` stands for any characters, `?` for exactly one. Case matters. The first behaviour that
   * matches is taken.
   */
  readonly pathPattern: string;
  /** How long, and under which key, the answers are kept. */
  readonly tier: CacheTier;
  /**
   * - `read`: GET, HEAD and OPTIONS, from the read origin.
   * - `all`: every method, from the write origin; for uncached tiers only.
   * - `split`: every method; GET, HEAD and OPTIONS from the read origin, the others from the write
   *   origin, by an edge function on each request. The answer to a write gets the cookie
   *   `__Host-isochrone-wrote`, and for as long as `recentWriter` says, its viewer reads from the
   *   write origin. For uncached tiers only, and only of use where reads and writes have no
   *   patterns of their own.
   *
   * @default - `read` for a cached tier, `all` for an uncached one
   */
  readonly methods?: EdgeMethods;
  /**
   * Patterns within this one whose requests, whatever their method, go to the batch origin. For
   * `split` only.
   *
   * @default - none
   */
  readonly batchPatterns?: readonly string[];
  /**
   * An origin of this behaviour's own, such as that of a StaticContent. For cached tiers, and so
   * for `read` methods, whose `query` is `none`: CloudFront signs what it asks a bucket, and S3
   * lets a signed query choose versions and headers of the answer. It gets no `originVerification`.
   * With Origin Shield of its own, its tier has no use for `continents`.
   *
   * @default - the origin of its methods
   */
  readonly origin?: cloudfront.IOrigin;
}

/** The methods of a behaviour, by its tier where it does not say. */
export function methodsOf({ methods, tier }: EdgeBehavior): EdgeMethods {
  return methods ?? (tier.cached ? 'read' : 'all');
}
