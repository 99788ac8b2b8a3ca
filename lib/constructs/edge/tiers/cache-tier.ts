import { Duration } from 'aws-cdk-lib';
import { CLOUDFRONT, type Continent } from '../../../model/aws';
import { type InvalidValue, type IsochroneError, invalidValue } from '../../../model/errors';

/**
 * Which query parameters reach the cache key and the origin. Names are compared byte by byte,
 * undecoded.
 *
 * - `'none'`: no parameter. Two URLs that differ only in their query are one object.
 * - `deny`: all but these; a `*` at the end of a name stands for any rest.
 * - `allow`: only these; at most 10, because they are listed in the cache policy.
 */
export type QueryInKey =
  | 'none'
  | { readonly deny: readonly string[] }
  | { readonly allow: readonly string[] };

/** Parameters that campaigns and cache-busters add to a URL and that do not change the answer. */
export const DEFAULT_DENIED_QUERY: readonly string[] = ['_', 'fbclid', 'gclid', 'ref', 'utm_*'];

/**
 * TTLs that differ in one part of the world: that of the regional edge cache which asks the origin.
 * EdgeDistribution applies them by an edge function, because a cache policy is the same everywhere.
 */
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
  /**
   * Letters, digits and hyphens, at most 40. One distribution cannot have two different tiers of
   * the same name.
   */
  readonly name: string;
  /** How long an object is kept when the origin sends neither `Cache-Control` nor `Expires`. */
  readonly defaultTtl: Duration;
  /**
   * The shortest time an object is kept. Above 0, CloudFront keeps even what the origin marks
   * `no-store` or `private`.
   *
   * @default Duration.seconds(0)
   */
  readonly minTtl?: Duration;
  /**
   * The longest time an object is kept, whatever the origin says. It also bounds
   * `stale-while-revalidate` and `stale-if-error`.
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
   * How long a browser keeps an answer where the origin says nothing, and at most. An invalidation
   * does not reach browsers.
   *
   * @default - as the origin says
   */
  readonly browserTtl?: Duration;
  /**
   * How long an expired answer is still served while a new one is fetched, where the origin says
   * nothing: RFC 5861, section 3. Browsers follow it too. Never with `must-revalidate` or
   * `proxy-revalidate`.
   *
   * @default - as the origin says
   */
  readonly staleWhileRevalidate?: Duration;
  /**
   * How long an expired answer is still served when the origin fails, where the origin says
   * nothing: RFC 5861, section 4.
   *
   * @default - as the origin says; CloudFront then serves an expired answer as long as it still has
   * it
   */
  readonly staleIfError?: Duration;
  /**
   * How long an error, 400 or above, is kept at most. At least 10 seconds, CloudFront's error
   * caching minimum: "How CloudFront processes HTTP 4xx and 5xx status codes from your origin",
   * Amazon CloudFront developer guide.
   *
   * @default Duration.seconds(10)
   */
  readonly errorTtl?: Duration;
  /**
   * What becomes of an answer with `Set-Cookie`. A shared cache would hand one viewer's cookie to
   * all others: "Set-Cookie", RFC 6265, section 3, and RFC 9111, section 7.3.
   *
   * - `bypass`: the answer goes to its viewer alone, and is not cached. CloudFront takes the cookie
   *   off, as it does wherever cookies are not forwarded ("Cache content based on cookies", Amazon
   *   CloudFront developer guide).
   * - `strip`: it is cached without the cookie. Only where the body is the same for everyone.
   *
   * @default - `bypass`; `strip` with a minTtl above 0, under which CloudFront keeps every answer
   */
  readonly setCookie?: 'bypass' | 'strip';
  /**
   * The query parameters in the cache key.
   *
   * @default - all but DEFAULT_DENIED_QUERY
   */
  readonly query?: QueryInKey;
  /**
   * Keep one object per language, negotiated from `Accept-Language` into the header
   * `x-isochrone-language`.
   *
   * @default false
   */
  readonly varyByLanguage?: boolean;
  /**
   * Keep one object per image format, negotiated from `Accept` into the header
   * `x-isochrone-image-format`.
   *
   * @default false
   */
  readonly varyByImageFormat?: boolean;
  /**
   * Let pages of other origins read the answers: the origin then gets `Origin` and, with
   * preflights, `Access-Control-Request-Method` and `-Headers`. They are in the key, so there is
   * one object per `Origin`, because an origin may answer each with another
   * `Access-Control-Allow-Origin` ("CORS protocol and HTTP caches", Fetch standard). Preflights
   * themselves are not cached at the edge.
   *
   * An origin that answers all with `*` needs this only for preflights: give those a tier of their
   * own, as anyone can fill a cache with objects for invented origins.
   *
   * @default false
   */
  readonly cors?: boolean;
  /**
   * Let CloudFront compress with Brotli and gzip, and keep one object per encoding. Of no use to
   * images and video.
   *
   * @default true
   */
  readonly compress?: boolean;
}

/** The default of a distribution's `ErrorCachingMinTTL`; its source is with `errorTtl`. */
const ERROR_CACHING_MINIMUM_SECONDS = 10;

const NAME = /^[A-Za-z][A-Za-z0-9-]{0,39}$/;

/** `&` and `=` end a name, so a name with one of them would never match. */
const DENIED_NAME = /^[^&=*]*\*?$/;
const ALLOWED_NAME = /^[^&=*]+$/;

/**
 * How one kind of content is cached at the edge: for how long, and under which key.
 *
 * The methods without arguments are the project's defaults; `of` makes others, `with` varies one. A
 * tier is only data: the same one can serve any number of behaviours and distributions. No tier has
 * cookies or `Authorization` in its key: an answer that depends on who asks belongs to
 * `uncached()`.
 */
export class CacheTier {
  /** An hour; in Asia and the Pacific two, at most a day. */
  public static standard(): CacheTier {
    return CacheTier.of({
      name: 'standard',
      defaultTtl: Duration.hours(1),
      maxTtl: Duration.days(1),
      continents: { apac: { defaultTtl: Duration.hours(2) } },
    });
  }

  /**
   * Files without a hash in their name: two hours, in Asia and the Pacific four, at most two days.
   */
  public static static(): CacheTier {
    return CacheTier.of({
      name: 'static',
      defaultTtl: Duration.hours(2),
      maxTtl: Duration.days(2),
      continents: { apac: { defaultTtl: Duration.hours(4) } },
    });
  }

  /**
   * Files whose name changes with their content: a year, in browsers too, and no query in the key.
   */
  public static immutable(): CacheTier {
    return CacheTier.of({
      name: 'immutable',
      defaultTtl: Duration.days(365),
      browserTtl: Duration.days(365),
      query: 'none',
    });
  }

  /** Images, sound and video: a week, uncompressed because they are compressed already. */
  public static media(): CacheTier {
    return CacheTier.of({ name: 'media', defaultTtl: Duration.days(7), compress: false });
  }

  /** Answers of an API that are the same for everyone: 5 minutes, in browsers too. */
  public static publicApi(): CacheTier {
    return CacheTier.of({
      name: 'public-api',
      defaultTtl: Duration.minutes(5),
      browserTtl: Duration.minutes(5),
    });
  }

  /** 30 seconds. */
  public static marketOverview(): CacheTier {
    return CacheTier.of({ name: 'market-overview', defaultTtl: Duration.seconds(30) });
  }

  /** Instruments, currencies, calendars: 5 minutes. */
  public static referenceData(): CacheTier {
    return CacheTier.of({ name: 'reference-data', defaultTtl: Duration.minutes(5) });
  }

  /** A minute. */
  public static news(): CacheTier {
    return CacheTier.of({ name: 'news', defaultTtl: Duration.minutes(1) });
  }

  /** 15 minutes. */
  public static strategies(): CacheTier {
    return CacheTier.of({ name: 'strategies', defaultTtl: Duration.minutes(15) });
  }

  /** Quotes: 5 minutes at most. The origin shortens it with `max-age`. */
  public static realtimeMarketData(): CacheTier {
    return CacheTier.of({ name: 'realtime-market-data', defaultTtl: Duration.minutes(5) });
  }

  /** Closed days: an hour. */
  public static historicalMarketData(): CacheTier {
    return CacheTier.of({ name: 'historical-market-data', defaultTtl: Duration.hours(1) });
  }

  /**
   * Nothing is cached, and the origin gets all that the viewer sent: for sign-in, administration,
   * writes, streams and personal answers.
   */
  public static uncached(): CacheTier {
    return new CacheTier(
      { name: 'uncached', defaultTtl: Duration.seconds(0), query: { deny: [] } },
      false,
    );
  }

  /**
   * @throws IsochroneError if the TTLs are out of order, or a name is not one that CloudFront takes
   */
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
  public readonly browserTtl?: Duration;
  public readonly staleWhileRevalidate?: Duration;
  public readonly staleIfError?: Duration;
  public readonly errorTtl: Duration;
  public readonly setCookie: 'bypass' | 'strip';
  public readonly query: QueryInKey;
  public readonly varyByLanguage: boolean;
  public readonly varyByImageFormat: boolean;
  public readonly cors: boolean;
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
    this.browserTtl = options.browserTtl;
    this.staleWhileRevalidate = options.staleWhileRevalidate;
    this.staleIfError = options.staleIfError;
    this.errorTtl = options.errorTtl ?? Duration.seconds(ERROR_CACHING_MINIMUM_SECONDS);
    this.setCookie = options.setCookie ?? (this.keepsEveryAnswer() ? 'strip' : 'bypass');
    this.query = options.query ?? { deny: DEFAULT_DENIED_QUERY };
    this.varyByLanguage = options.varyByLanguage ?? false;
    this.varyByImageFormat = options.varyByImageFormat ?? false;
    this.cors = options.cors ?? false;
    this.compress = options.compress ?? true;
    this.checkName();
    if (cached) this.checkTtls();
    this.checkDirectives();
    this.checkQuery();
  }

  /** All that are given, for each part of the world. */
  public get durations(): readonly Duration[] {
    const everywhere = [
      this.minTtl,
      this.defaultTtl,
      this.maxTtl,
      this.browserTtl,
      this.staleWhileRevalidate,
      this.staleIfError,
      this.errorTtl,
    ];
    const somewhere = Object.values(this.continents).flatMap(({ defaultTtl, maxTtl }) => [
      defaultTtl,
      maxTtl,
    ]);
    return [...everywhere, ...somewhere].filter((duration) => duration !== undefined);
  }

  /** The longest time anywhere in the world. */
  public get longestTtl(): Duration {
    const longest = Object.values(this.continents).map(({ maxTtl }) => maxTtl ?? this.maxTtl);
    return longest.reduce((a, b) => (exceeds(b, a) ? b : a), this.maxTtl);
  }

  /**
   * The same tier with some options changed. Give a new name if the original serves the same
   * distribution.
   *
   * @throws IsochroneError as `of` does, and for `uncached()`, which has nothing to vary
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
      browserTtl: changes.browserTtl ?? options.browserTtl,
      staleWhileRevalidate: changes.staleWhileRevalidate ?? options.staleWhileRevalidate,
      staleIfError: changes.staleIfError ?? options.staleIfError,
      errorTtl: changes.errorTtl ?? options.errorTtl,
      setCookie: changes.setCookie ?? options.setCookie,
      query: changes.query ?? options.query,
      varyByLanguage: changes.varyByLanguage ?? options.varyByLanguage,
      varyByImageFormat: changes.varyByImageFormat ?? options.varyByImageFormat,
      cors: changes.cors ?? options.cors,
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
    const rule =
      'CloudFront needs minTtl ≤ defaultTtl ≤ maxTtl; CDK would raise the later ones without a word.';
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
        fix: 'Use `CacheTier.uncached()`.',
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

  private checkDirectives(): void {
    for (const property of ['staleWhileRevalidate', 'staleIfError'] as const) {
      const stale = this[property];
      if (stale === undefined || !exceeds(stale, this.longestTtl)) continue;
      throw this.invalid({
        property,
        value: stale.toString(),
        allowed: `at most the longest maxTtl, ${this.longestTtl}`,
        rule: 'CloudFront serves nothing stale for longer than its maximum TTL.',
        fix: `Lower it, or raise \`maxTtl\`.`,
      });
    }
    if (exceeds(Duration.seconds(ERROR_CACHING_MINIMUM_SECONDS), this.errorTtl)) {
      throw this.invalid({
        property: 'errorTtl',
        value: this.errorTtl.toString(),
        allowed: `at least ${ERROR_CACHING_MINIMUM_SECONDS} seconds`,
        rule: 'CloudFront keeps 404, 414 and most 5xx that long in any case.',
        fix: 'Raise it, or leave it out.',
      });
    }
    if (this.setCookie === 'bypass' && this.keepsEveryAnswer()) {
      throw this.invalid({
        property: 'setCookie',
        value: this.setCookie,
        allowed: "'strip' with a minTtl above 0",
        rule: 'With a minimum TTL CloudFront keeps even `no-store`, and would hand the cookie to others.',
        fix: 'Leave out `minTtl`, or strip cookies.',
      });
    }
  }

  /** A minimum that is known only on deployment may be above 0. */
  private keepsEveryAnswer(): boolean {
    return this.minTtl.isUnresolved() || this.minTtl.toSeconds() > 0;
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
  return (
    !shorter.isUnresolved() && !longer.isUnresolved() && shorter.toSeconds() > longer.toSeconds()
  );
}
