/**
 * The settings of the edge functions: types only, one interface for each function.
 *
 * Constructs write the settings at synthesis, beside a Lambda@Edge function or into a CloudFront
 * Function, and the functions of `lambda-edge/` read them. Both use one type, so neither can change
 * alone.
 *
 * `paths` is always in the order of the distribution's behaviors. Patterns are in CloudFront's
 * syntax (`*` stands for any characters, `?` for exactly one, case matters), so the first match is
 * the rule of the behavior that CloudFront chose.
 */
import type { Continent } from '../aws';

/**
 * The query parameters to keep: none, all but those denied, or only those allowed. Names are
 * compared byte by byte, without decoding.
 */
export type QueryRule =
  | 'none'
  | {
      /** Names to drop; a `*` at the end stands for any suffix. */
      readonly deny: readonly string[];
    }
  | {
      /** The only names to keep. */
      readonly allow: readonly string[];
    };

/** The parts of the cache key, for the paths of one pattern. */
export interface CacheKeyRule {
  /** The path pattern. */
  readonly pattern: string;
  /** Absent if nothing is cached; the query then stays as it came. */
  readonly query?: QueryRule;
  /** Whether the negotiated language is part of the key. */
  readonly language?: boolean;
  /** Whether the negotiated image format is part of the key. */
  readonly imageFormat?: boolean;
}

/** The settings of `normalize-cache-key`. */
export interface CacheKeySettings {
  readonly paths: readonly CacheKeyRule[];
  /** The languages of the origin, the default one first. */
  readonly languages?: readonly string[];
}

/** How long a response is kept in one part of the world. */
export interface Ttl {
  /** The TTL if the origin sends none. */
  readonly defaultTtlSeconds: number;
  /** The longest TTL, even if the origin sends more. */
  readonly maxTtlSeconds: number;
}

/** How long responses are kept, for the paths of one pattern. */
export interface TtlRule extends Ttl {
  readonly pattern: string;
  /** The TTLs of parts of the world that differ. */
  readonly continents?: Readonly<Partial<Record<Continent, Ttl>>>;
  /**
   * How long a browser keeps a response at most, and if the origin sends nothing. If absent, the
   * browser gets what the origin sends.
   */
  readonly browserTtlSeconds?: number;
  /** `stale-while-revalidate`, if the origin sends none. */
  readonly staleWhileRevalidateSeconds?: number;
  /** `stale-if-error`, if the origin sends none. */
  readonly staleIfErrorSeconds?: number;
  /** How long a response of status 400 or above is kept at most. */
  readonly errorTtlSeconds: number;
  /** A response with `Set-Cookie` is not cached (`bypass`), or cached without it (`strip`). */
  readonly setCookie: 'bypass' | 'strip';
}

/** The settings of `regional-ttl`. */
export interface RegionalTtlSettings {
  /** The part of the world of each region, if a path has TTLs of its own there. */
  readonly regions: Readonly<Record<string, Continent>>;
  readonly paths: readonly TtlRule[];
}

/** The settings of `route-origin`, on origin requests and on origin responses. */
export interface RouteOriginSettings {
  /** The DNS name of the nearest region. */
  readonly readName: string;
  /** The DNS name of the primary region. */
  readonly writeName: string;
  /** The DNS name of the batch origin; required if a path has batch patterns. */
  readonly batchName?: string;
  /** How long a viewer who wrote reads from the primary region, in whole seconds. */
  readonly recentWriterSeconds: number;
  readonly paths: readonly {
    readonly pattern: string;
    readonly batch?: readonly { readonly pattern: string }[];
  }[];
}

/** The settings of `select-origin`, which also normalizes cache keys. */
export interface SelectOriginSettings extends CacheKeySettings {
  /** The regions, the primary first. Each is also the id of its origin. */
  readonly regions: readonly string[];
  /** Indexes in `regions`, the nearest first, by the region of the regional edge cache. */
  readonly nearest: Readonly<Record<string, readonly number[]>>;
  /**
   * How long a viewer who wrote reads from the primary region, in whole seconds. Absent if no
   * function marks writers.
   */
  readonly recentWriterSeconds?: number;
}

/** The settings of `mark-writer`. */
export interface MarkWriterSettings {
  /** How long a viewer who wrote reads from the primary region, in whole seconds. */
  readonly recentWriterSeconds: number;
}
