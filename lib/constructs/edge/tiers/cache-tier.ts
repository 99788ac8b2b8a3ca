import { Duration, Token } from 'aws-cdk-lib';
import { CLOUDFRONT, type Continent } from '../../../model/aws';
import {
  type HasPath,
  type InvalidValue,
  type IsochroneError,
  invalidValue,
} from '../../../model/errors';
import { cloudfrontRules } from '../../../model/rules';
import { checkRule } from '../../house-rules';

/**
 * The query parameters that reach the cache key and the origin. Names are compared byte by byte,
 * without decoding.
 *
 * - `'none'`: no parameter. Two URLs that differ only in their query are one object.
 * - `deny`: all but these; a `*` at the end of a name stands for any suffix.
 * - `allow`: only these, at most 10, because the cache policy lists them.
 */
export type QueryInKey =
  | 'none'
  | { readonly deny: readonly string[] }
  | { readonly allow: readonly string[] };

/** Parameters that campaigns and cache-busters add to a URL without changing the response. */
export const DEFAULT_DENIED_QUERY: readonly string[] = ['_', 'fbclid', 'gclid', 'ref', 'utm_*'];

/**
 * TTLs for one part of the world, that of the regional edge cache that sends the request to the
 * origin. EdgeDistribution applies them in an edge function, because a cache policy is the same
 * everywhere.
 */
export interface ContinentTtl {
  /**
   * How long an object is kept there when the origin sends neither `Cache-Control` nor `Expires`.
   *
   * @default - the tier's `defaultTtl`
   */
  readonly defaultTtl?: Duration;
  /**
   * The longest time an object is kept there.
   *
   * @default - the tier's `maxTtl`
   */
  readonly maxTtl?: Duration;
}

/** Options of {@link CacheTier.of}. */
export interface CacheTierOptions {
  /**
   * A letter, then letters, digits and hyphens, 40 characters at most. One distribution cannot have
   * two different tiers of the same name.
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
   * How long a browser keeps a response at most, and where the origin says nothing. An invalidation
   * does not reach browsers.
   *
   * @default - what the origin says
   */
  readonly browserTtl?: Duration;
  /**
   * How long an expired response is still served while a new one is fetched, where the origin says
   * nothing: RFC 5861, section 3. Browsers follow it too. It has no effect on a response with
   * `must-revalidate` or `proxy-revalidate`.
   *
   * @default - what the origin says
   */
  readonly staleWhileRevalidate?: Duration;
  /**
   * How long an expired response is still served when the origin fails, where the origin says
   * nothing: RFC 5861, section 4.
   *
   * @default - what the origin says; if it says nothing, CloudFront serves an expired response as
   * long as it still has it
   */
  readonly staleIfError?: Duration;
  /**
   * How long an error response, of status 400 or above, is kept at most. At least 10 seconds,
   * CloudFront's error caching minimum.
   *
   * @default Duration.seconds(10)
   */
  readonly errorTtl?: Duration;
  /**
   * How a response with `Set-Cookie` is treated. A shared cache would hand one viewer's cookie to
   * all others: "Set-Cookie", RFC 6265, section 3, and RFC 9111, section 7.3.
   *
   * - `bypass`: the response goes to its viewer alone and is not cached. CloudFront removes the
   *   cookie, as it does wherever cookies are not forwarded ("Cache content based on cookies",
   *   Amazon CloudFront developer guide).
   * - `strip`: the response is cached without the cookie. Use it only where the body is the same
   *   for every viewer.
   *
   * @default - `bypass`; `strip` with a `minTtl` above 0, under which CloudFront caches every
   * response
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
   * Let pages of other origins read the responses. The origin then gets `Origin` and, with
   * preflight requests, `Access-Control-Request-Method` and `-Headers`. They are in the key, so
   * there is one object per `Origin`, because an origin may send each a different
   * `Access-Control-Allow-Origin` ("CORS protocol and HTTP caches", Fetch standard). Preflight
   * requests themselves are not cached at the edge.
   *
   * An origin that always answers `*` needs this only for preflight requests. Give those a tier of
   * their own, because anyone can fill a cache with objects for invented origins.
   *
   * @default false
   */
  readonly cors?: boolean;
  /**
   * Let CloudFront compress with Brotli and gzip, and keep one object per encoding. Images and
   * video gain nothing from it.
   *
   * @default true
   */
  readonly compress?: boolean;
}

const NAME = /^[A-Za-z][A-Za-z0-9-]{0,39}$/;

/** `&` and `=` end a parameter's name, so a name with one of them would never match. */
const DENIED_NAME = /^[^&=*]*\*?$/;
const ALLOWED_NAME = /^[^&=*]+$/;

/** Stands for a number of seconds that is known only at deployment: `checkRule` skips a token. */
const SECONDS_AT_DEPLOYMENT = Token.asNumber('seconds at deployment');

/** A method that makes one of the project's default tiers. */
function tier(
  name: string,
  defaultTtl: Duration,
  options?: Partial<CacheTierOptions>,
): () => CacheTier {
  return () => CacheTier.of({ name, defaultTtl, ...options });
}

/**
 * How one kind of content is cached at the edge: for how long, and under which key.
 *
 * The methods without arguments are the project's defaults; `of` makes others, `with` varies one. A
 * tier is only data: the same one can serve any number of behaviors and distributions. No tier has
 * cookies or `Authorization` in its key: a response that depends on them belongs to `uncached()`.
 */
export class CacheTier {
  /** An hour, in Asia and the Pacific two, at most a day. */
  public static readonly standard = tier('standard', Duration.hours(1), {
    maxTtl: Duration.days(1),
    continents: { apac: { defaultTtl: Duration.hours(2) } },
  });

  /**
   * Files without a hash in their name: two hours, in Asia and the Pacific four, at most two days.
   */
  public static readonly static = tier('static', Duration.hours(2), {
    maxTtl: Duration.days(2),
    continents: { apac: { defaultTtl: Duration.hours(4) } },
  });

  /**
   * Files whose name changes with their content: a year, in browsers too, and no query in the key.
   */
  public static readonly immutable = tier('immutable', Duration.days(365), {
    browserTtl: Duration.days(365),
    query: 'none',
  });

  /** Images, sound and video: a week, without further compression. */
  public static readonly media = tier('media', Duration.days(7), { compress: false });

  /** Responses of an API that are the same for every viewer: 5 minutes, in browsers too. */
  public static readonly publicApi = tier('public-api', Duration.minutes(5), {
    browserTtl: Duration.minutes(5),
  });

  /** 30 seconds. */
  public static readonly marketOverview = tier('market-overview', Duration.seconds(30));

  /** Instruments, currencies, calendars: 5 minutes. */
  public static readonly referenceData = tier('reference-data', Duration.minutes(5));

  /** A minute. */
  public static readonly news = tier('news', Duration.minutes(1));

  /** 15 minutes. */
  public static readonly strategies = tier('strategies', Duration.minutes(15));

  /** Quotes: 5 minutes at most. The origin shortens that with `max-age`. */
  public static readonly realtimeMarketData = tier('realtime-market-data', Duration.minutes(5));

  /** Closed days: an hour. */
  public static readonly historicalMarketData = tier('historical-market-data', Duration.hours(1));

  /**
   * Caches nothing, and passes all that the viewer sent to the origin: for sign-in, administration,
   * writes, streams and personal responses.
   */
  public static uncached(): CacheTier {
    return new CacheTier(
      { name: 'uncached', defaultTtl: Duration.seconds(0), query: { deny: [] } },
      false,
    );
  }

  /**
   * @throws IsochroneError if the TTLs are out of order, or CloudFront would refuse a name
   */
  public static of(options: CacheTierOptions): CacheTier {
    return new CacheTier(options, true);
  }

  /** The name; for this and the other fields, see {@link CacheTierOptions}. */
  public readonly name: string;
  /** Whether anything is cached; if not, the TTLs have no meaning. */
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
    this.errorTtl = options.errorTtl ?? Duration.seconds(CLOUDFRONT.errorCachingMinimumSeconds);
    this.setCookie = options.setCookie ?? (this.keepsEveryResponse() ? 'strip' : 'bypass');
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

  /** Every duration of the tier, those of each part of the world included. */
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

  /** The longest `maxTtl` of any part of the world. */
  public get longestTtl(): Duration {
    const longest = Object.values(this.continents).map(({ maxTtl }) => maxTtl ?? this.maxTtl);
    return longest.reduce((a, b) => (exceeds(b, a) ? b : a), this.maxTtl);
  }

  /**
   * The same tier with some options changed. Give it a new name if the original serves the same
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
    const { at, defaultTtl, maxTtl } = this;
    this.checkOrder('defaultTtl', defaultTtl, maxTtl);
    checkRule(at, 'maxTtl', cloudfrontRules.MAXIMUM_TTL_OF_CACHED_TIER, secondsOf(maxTtl));
    for (const [continent, override] of Object.entries(this.continents)) {
      this.checkOrder(
        `continents.${continent}.defaultTtl`,
        override.defaultTtl ?? defaultTtl,
        override.maxTtl ?? maxTtl,
      );
    }
  }

  private checkOrder(property: string, defaultTtl: Duration, maxTtl: Duration): void {
    const seconds = secondsOf(defaultTtl);
    checkRule(this.at, property, cloudfrontRules.DEFAULT_TTL_ABOVE_MINIMUM, seconds, {
      minTtlSeconds: secondsOf(this.minTtl),
    });
    checkRule(this.at, property, cloudfrontRules.DEFAULT_TTL_BELOW_MAXIMUM, seconds, {
      maxTtlSeconds: secondsOf(maxTtl),
    });
  }

  private checkDirectives(): void {
    for (const property of ['staleWhileRevalidate', 'staleIfError'] as const) {
      const stale = this[property];
      if (stale === undefined) continue;
      checkRule(this.at, property, cloudfrontRules.STALE_WITHIN_MAXIMUM_TTL, secondsOf(stale), {
        longestTtlSeconds: secondsOf(this.longestTtl),
      });
    }
    const minimum = Duration.seconds(CLOUDFRONT.errorCachingMinimumSeconds);
    if (exceeds(minimum, this.errorTtl)) {
      throw this.invalid({
        property: 'errorTtl',
        value: this.errorTtl.toString(),
        allowed: `at least ${minimum.toSeconds()} seconds`,
        rule: 'CloudFront keeps 404, 414 and most 5xx responses that long in any case.',
        fix: 'Raise it, or leave it out.',
      });
    }
    checkRule(this.at, 'setCookie', cloudfrontRules.SET_COOKIE_WITH_MINIMUM_TTL, this.setCookie, {
      keepsEveryResponse: this.keepsEveryResponse(),
    });
  }

  /** Whether CloudFront may cache even `no-store` responses. A token may be above 0. */
  private keepsEveryResponse(): boolean {
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
        rule: 'Names are compared as they are written in the URL.',
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
    const count = query.allow.length;
    if (
      count === 0 ||
      count > CLOUDFRONT.keyPartsPerCachePolicy ||
      new Set(query.allow).size < count
    ) {
      throw this.invalid({
        property: 'query.allow',
        value: query.allow,
        allowed: `1 to ${CLOUDFRONT.keyPartsPerCachePolicy} different names`,
        rule: 'A CloudFront cache policy has no room for more.',
        fix: "Use `'none'` for no parameter, or `deny` for all but some.",
      });
    }
    checkRule(this.at, 'query.allow', cloudfrontRules.QUERY_NAMES_LENGTH, query.allow);
  }

  /** A tier is not in a construct tree: errors name it instead of a path. */
  private get at(): HasPath {
    const tier = { constructor: CacheTier, node: { path: this.name } };
    return tier;
  }

  private invalid(problem: InvalidValue): IsochroneError {
    return invalidValue(this.at, problem);
  }
}

function secondsOf(duration: Duration): number {
  return duration.isUnresolved() ? SECONDS_AT_DEPLOYMENT : duration.toSeconds();
}

/** Whether both durations are known, and the first one is longer. */
function exceeds(a: Duration, b: Duration): boolean {
  return !a.isUnresolved() && !b.isUnresolved() && a.toSeconds() > b.toSeconds();
}
