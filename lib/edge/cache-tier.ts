import { Duration } from 'aws-cdk-lib';
import { CLOUDFRONT } from '../aws/limits';
import type { Continent } from '../aws/regions';
import { type InvalidValue, type IsochroneError, invalidValue } from '../errors';

/**
 * Which query parameters reach the cache key and the origin. Names are compared byte by byte, undecoded.
 *
 * - `'none'`: no parameter. Two URLs that differ only in their query are one object.
 * - `deny`: all but these; a `*` at the end of a name stands for any rest.
 * - `allow`: only these; at most 10, because they are listed in the cache policy.
 */
export type QueryInKey = 'none' | { readonly deny: readonly string[] } | { readonly allow: readonly string[] };

/** Parameters that campaigns and cache-busters add to a URL and that do not change the answer. */
export const DEFAULT_DENIED_QUERY: readonly string[] = ['_', 'fbclid', 'gclid', 'ref', 'utm_*'];

/** TTLs that differ in one part of the world. They are checked and kept with the tier; no construct applies them yet. */
export interface ContinentTtl {
  /**
   * How long an object is kept there when the origin says nothing.
   *
   * @default - as everywhere
   */
  readonly defaultTtl?: Duration;
  /**
   * How long an object is kept there at most.
   *
   * @default - as everywhere
   */
  readonly maxTtl?: Duration;
}

/** What makes a {@link CacheTier}. */
export interface CacheTierOptions {
  /** Letters, digits and hyphens, at most 40. One distribution cannot have two different tiers of the same name. */
  readonly name: string;
  /** How long an object is kept when the origin sends neither `Cache-Control` nor `Expires`. */
  readonly defaultTtl: Duration;
  /**
   * The shortest time an object is kept. Above 0, CloudFront keeps even what the origin marks `no-store` or `private`.
   *
   * @default Duration.seconds(0)
   */
  readonly minTtl?: Duration;
  /**
   * The longest time an object is kept, whatever the origin says. It also bounds `stale-while-revalidate` and `stale-if-error`.
   *
   * @default - the default TTL: the origin can shorten it, not extend it
   */
  readonly maxTtl?: Duration;
  /**
   * TTLs by part of the world; see ContinentTtl.
   *
   * @default - the same everywhere
   */
  readonly continents?: Readonly<Partial<Record<Continent, ContinentTtl>>>;
  /**
   * The query parameters in the cache key.
   *
   * @default - all but DEFAULT_DENIED_QUERY
   */
  readonly query?: QueryInKey;
  /**
   * Keep one object per language, negotiated from `Accept-Language` into the header `x-isochrone-language`.
   *
   * @default false
   */
  readonly varyByLanguage?: boolean;
  /**
   * Keep one object per image format, negotiated from `Accept` into the header `x-isochrone-image-format`.
   *
   * @default false
   */
  readonly varyByImageFormat?: boolean;
  /**
   * Let CloudFront compress with Brotli and gzip, and keep one object per encoding. Of no use to images and video.
   *
   * @default true
   */
  readonly compress?: boolean;
}

const NAME = /^[A-Za-z][A-Za-z0-9-]{0,39}$/;

/** `&` and `=` end a name, so a name with one of them would never match. */
const DENIED_NAME = /^[^&=*]*\*?$/;
const ALLOWED_NAME = /^[^&=*]+$/;

/**
 * How one kind of content is cached at the edge: for how long, and under which key.
 *
 * The instances are the project's defaults; `of` makes others, `with` varies one. A tier is only data: the same one can
 * serve any number of behaviours and distributions. No tier has cookies or `Authorization` in its key: an answer that
 * depends on who asks belongs to `UNCACHED`.
 */
export class CacheTier {
  /** An hour; in Asia and the Pacific two, at most a day. */
  public static readonly STANDARD = CacheTier.of({
    name: 'standard',
    defaultTtl: Duration.hours(1),
    maxTtl: Duration.days(1),
    continents: { apac: { defaultTtl: Duration.hours(2) } },
  });
  /** Files without a hash in their name: two hours, in Asia and the Pacific four, at most two days. */
  public static readonly STATIC = CacheTier.of({
    name: 'static',
    defaultTtl: Duration.hours(2),
    maxTtl: Duration.days(2),
    continents: { apac: { defaultTtl: Duration.hours(4) } },
  });
  /** Files whose name changes with their content: a year, and no query in the key. */
  public static readonly IMMUTABLE = CacheTier.of({ name: 'immutable', defaultTtl: Duration.days(365), query: 'none' });
  /** Images, sound and video: a week, uncompressed because they are compressed already. */
  public static readonly MEDIA = CacheTier.of({ name: 'media', defaultTtl: Duration.days(7), compress: false });
  /** Answers of an API that are the same for everyone: 5 minutes. */
  public static readonly PUBLIC_API = CacheTier.of({ name: 'public-api', defaultTtl: Duration.minutes(5) });
  /** 30 seconds. */
  public static readonly MARKET_OVERVIEW = CacheTier.of({ name: 'market-overview', defaultTtl: Duration.seconds(30) });
  /** Instruments, currencies, calendars: 5 minutes. */
  public static readonly REFERENCE_DATA = CacheTier.of({ name: 'reference-data', defaultTtl: Duration.minutes(5) });
  /** A minute. */
  public static readonly NEWS = CacheTier.of({ name: 'news', defaultTtl: Duration.minutes(1) });
  /** 15 minutes. */
  public static readonly STRATEGIES = CacheTier.of({ name: 'strategies', defaultTtl: Duration.minutes(15) });
  /** Quotes: 5 minutes at most. The origin shortens it with `max-age`. */
  public static readonly REALTIME_MARKET_DATA = CacheTier.of({ name: 'realtime-market-data', defaultTtl: Duration.minutes(5) });
  /** Closed days: an hour. */
  public static readonly HISTORICAL_MARKET_DATA = CacheTier.of({ name: 'historical-market-data', defaultTtl: Duration.hours(1) });
  /** Nothing is cached, and the origin gets all that the viewer sent: for sign-in, administration, writes, streams and personal answers. */
  public static readonly UNCACHED = new CacheTier({ name: 'uncached', defaultTtl: Duration.seconds(0), query: { deny: [] } }, false);

  /** @throws IsochroneError if the TTLs are out of order, or a name is not one that CloudFront takes */
  public static of(options: CacheTierOptions): CacheTier {
    return new CacheTier(options, true);
  }

  public readonly name: string;
  /** Whether anything is cached; the TTLs mean nothing otherwise. */
  public readonly cached: boolean;
  public readonly minTtl: Duration;
  public readonly defaultTtl: Duration;
  public readonly maxTtl: Duration;
  public readonly continents: Readonly<Partial<Record<Continent, ContinentTtl>>>;
  public readonly query: QueryInKey;
  public readonly varyByLanguage: boolean;
  public readonly varyByImageFormat: boolean;
  public readonly compress: boolean;

  private constructor(
    private readonly options: CacheTierOptions,
    cached: boolean,
  ) {
    this.name = options.name;
    this.cached = cached;
    this.minTtl = options.minTtl ?? Duration.seconds(0);
    this.defaultTtl = options.defaultTtl;
    this.maxTtl = options.maxTtl ?? options.defaultTtl;
    this.continents = options.continents ?? {};
    this.query = options.query ?? { deny: DEFAULT_DENIED_QUERY };
    this.varyByLanguage = options.varyByLanguage ?? false;
    this.varyByImageFormat = options.varyByImageFormat ?? false;
    this.compress = options.compress ?? true;
    this.checkName();
    if (cached) this.checkTtls();
    this.checkQuery();
  }

  /**
   * The same tier with some options changed. Give a new name if the original serves the same distribution.
   *
   * @throws IsochroneError as `of` does, and for `UNCACHED`, which has nothing to vary
   */
  public with(changes: Partial<CacheTierOptions>): CacheTier {
    if (!this.cached) {
      throw this.invalid({
        property: 'with',
        value: changes,
        allowed: 'used on a cached tier',
        rule: 'Without a cache there is neither a TTL nor a key.',
        fix: 'Make a tier with `CacheTier.of`.',
      });
    }
    const { options } = this;
    return CacheTier.of({
      name: changes.name ?? options.name,
      defaultTtl: changes.defaultTtl ?? options.defaultTtl,
      minTtl: changes.minTtl ?? options.minTtl,
      maxTtl: changes.maxTtl ?? options.maxTtl,
      continents: changes.continents ?? options.continents,
      query: changes.query ?? options.query,
      varyByLanguage: changes.varyByLanguage ?? options.varyByLanguage,
      varyByImageFormat: changes.varyByImageFormat ?? options.varyByImageFormat,
      compress: changes.compress ?? options.compress,
    });
  }

  private checkName(): void {
    if (NAME.test(this.name)) return;
    throw this.invalid({
      property: 'name',
      value: this.name,
      allowed: 'a letter, then letters, digits and hyphens, 40 characters at most',
      rule: 'It becomes part of the name of a cache policy.',
      fix: 'Choose a name such as `market-overview`.',
    });
  }

  private checkTtls(): void {
    const rule = 'CloudFront needs minTtl ≤ defaultTtl ≤ maxTtl; CDK would raise the later ones without a word.';
    const { minTtl, defaultTtl, maxTtl } = this;
    if (exceeds(minTtl, defaultTtl)) {
      throw this.invalid({
        property: 'defaultTtl',
        value: defaultTtl.toString(),
        allowed: `at least minTtl, ${minTtl}`,
        rule,
        fix: 'Raise `defaultTtl`, or lower `minTtl`; 0 is right almost always.',
      });
    }
    if (exceeds(defaultTtl, maxTtl)) {
      throw this.invalid({
        property: 'maxTtl',
        value: maxTtl.toString(),
        allowed: `at least defaultTtl, ${defaultTtl}`,
        rule,
        fix: 'Raise `maxTtl`, lower `defaultTtl`, or leave `maxTtl` out.',
      });
    }
    if (!maxTtl.isUnresolved() && maxTtl.toSeconds() === 0) {
      throw this.invalid({
        property: 'maxTtl',
        value: maxTtl.toString(),
        allowed: 'more than 0',
        rule: 'With a maximum of 0 CloudFront caches nothing and refuses a key.',
        fix: 'Use `CacheTier.UNCACHED`.',
      });
    }
    for (const [continent, override] of Object.entries(this.continents)) {
      const shortest = override.defaultTtl ?? defaultTtl;
      const longest = override.maxTtl ?? maxTtl;
      if (exceeds(minTtl, shortest) || exceeds(shortest, longest)) {
        throw this.invalid({
          property: `continents.${continent}.defaultTtl`,
          value: shortest.toString(),
          allowed: `between minTtl, ${minTtl}, and the maxTtl of that continent, ${longest}`,
          rule: 'The order of the TTLs holds in each part of the world.',
          fix: `Change it, or give \`continents.${continent}.maxTtl\`.`,
        });
      }
    }
  }

  private checkQuery(): void {
    const { query } = this;
    if (query === 'none') return;
    if ('deny' in query) {
      const wrong = query.deny.find((name) => name === '' || !DENIED_NAME.test(name));
      if (wrong === undefined) return;
      throw this.invalid({
        property: 'query.deny',
        value: wrong,
        allowed: 'names without `&` and `=`, with `*` only at the end',
        rule: 'Names are compared as they stand in the URL.',
        fix: 'Deny one name per entry, such as `utm_*`.',
      });
    }
    const wrong = query.allow.find((name) => !ALLOWED_NAME.test(name));
    if (wrong !== undefined) {
      throw this.invalid({
        property: 'query.allow',
        value: wrong,
        allowed: 'names without `&`, `=` and `*`',
        rule: 'A cache policy lists whole names.',
        fix: 'Name each parameter, or use `deny`.',
      });
    }
    const characters = query.allow.join('').length;
    if (
      query.allow.length === 0 ||
      query.allow.length > CLOUDFRONT.keyPartsPerCachePolicy ||
      characters > CLOUDFRONT.keyPartCharacters ||
      new Set(query.allow).size < query.allow.length
    ) {
      throw this.invalid({
        property: 'query.allow',
        value: query.allow,
        allowed: `1 to ${CLOUDFRONT.keyPartsPerCachePolicy} different names with ${CLOUDFRONT.keyPartCharacters} characters together`,
        rule: 'These are the quotas of a CloudFront cache policy.',
        fix: "Use `'none'` for no parameter, or `deny` for all but some.",
      });
    }
  }

  /** A tier stands in no construct tree: its name says where it is. */
  private invalid(problem: InvalidValue): IsochroneError {
    const tier = { constructor: CacheTier, node: { path: this.name } };
    return invalidValue(tier, problem);
  }
}

function exceeds(shorter: Duration, longer: Duration): boolean {
  return !shorter.isUnresolved() && !longer.isUnresolved() && shorter.toSeconds() > longer.toSeconds();
}
