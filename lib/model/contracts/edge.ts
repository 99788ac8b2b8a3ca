/**
 * Ground floor: what constructs tell the edge functions.
 *
 * Types only, one interface a function. Constructs write the settings at synthesis, beside a
 * Lambda@Edge function or into a CloudFront Function, and the functions of `lambda-edge/` read
 * them: with one type for both, neither can change alone.
 *
 * `paths` is in the order of the distribution's behaviours everywhere, and patterns are in
 * CloudFront's syntax (`*` stands for any characters, `?` for exactly one, case matters): the first
 * match is the rule of the behaviour that CloudFront chose.
 */
import type { Continent } from '../aws';

/**
 * Which query parameters stay: none, all but those denied, or only those allowed. Names are
 * compared byte by byte, undecoded.
 */
export type QueryRule =
  | 'none'
  | {
      /** Names to drop; a `*` at the end stands for any rest. */
      readonly deny: readonly string[];
    }
  | {
      /** The only names to keep. */
      readonly allow: readonly string[];
    };

/** What the cache key of some paths is made of. */
export interface CacheKeyRule {
  readonly pattern: string;
  /** Absent where nothing is cached: the query then stays as it came. */
  readonly query?: QueryRule;
  /** Whether the negotiated language is part of the key. */
  readonly language?: boolean;
  /** Whether the negotiated image format is part of the key. */
  readonly imageFormat?: boolean;
}

/** The settings of `normalize-cache-key`. */
export interface CacheKeySettings {
  readonly paths: readonly CacheKeyRule[];
  /** The languages that the origin speaks, the default one first. */
  readonly languages?: readonly string[];
}

/** How long an answer is kept in one part of the world. */
export interface Ttl {
  /** Where the origin says nothing. */
  readonly defaultTtlSeconds: number;
  /** Whatever the origin says. */
  readonly maxTtlSeconds: number;
}

/** How long the answers of some paths are kept. */
export interface TtlRule extends Ttl {
  readonly pattern: string;
  /** TTLs that differ, by part of the world. */
  readonly continents?: Readonly<Partial<Record<Continent, Ttl>>>;
  /**
   * How long a browser keeps an answer at most, and where the origin says nothing. Without it, as
   * the origin says.
   */
  readonly browserTtlSeconds?: number;
  readonly staleWhileRevalidateSeconds?: number;
  readonly staleIfErrorSeconds?: number;
  /** How long an answer of 400 or above is kept at most. */
  readonly errorTtlSeconds: number;
  /** What becomes of an answer with `Set-Cookie`: it is not cached, or it is cached without. */
  readonly setCookie: 'bypass' | 'strip';
}

/** The settings of `regional-ttl`. */
export interface RegionalTtlSettings {
  /** The part of the world of each region that has TTLs of its own. */
  readonly regions: Readonly<Record<string, Continent>>;
  readonly paths: readonly TtlRule[];
}

/** The settings of `route-origin`, on origin requests and on origin responses. */
export interface RouteOriginSettings {
  /** The DNS name that leads to the nearest region. */
  readonly readName: string;
  /** The DNS name that leads to the primary region. */
  readonly writeName: string;
  /** The DNS name of what takes batch work; needed where a path has batch patterns. */
  readonly batchName?: string;
  /** How long a viewer who wrote reads from the primary region, in whole seconds. */
  readonly recentWriterSeconds: number;
  readonly paths: readonly {
    readonly pattern: string;
    readonly batch?: readonly { readonly pattern: string }[];
  }[];
}

/** The settings of `select-origin`, which also normalises cache keys. */
export interface SelectOriginSettings extends CacheKeySettings {
  /** The regions, which are also the ids of their origins, the primary first. */
  readonly regions: readonly string[];
  /** By the region of a regional edge cache: places in `regions`, the nearest first. */
  readonly nearest: Readonly<Record<string, readonly number[]>>;
  /**
   * How long a viewer who wrote reads from the primary region, in whole seconds. Absent where
   * nobody is known to have written.
   */
  readonly recentWriterSeconds?: number;
}

/** The settings of `mark-writer`. */
export interface MarkWriterSettings {
  /** How long a viewer who wrote reads from the primary region, in whole seconds. */
  readonly recentWriterSeconds: number;
}
