/**
 * Reads the cache, origin request and response headers policies of a template, and the legacy
 * settings that preceded them.
 */
import { listOf, objectOf, ownEntry, textOf } from '../../assembly';
import type {
  CachePolicyModel,
  CorsModel,
  OriginRequestModel,
  ResponseHeadersModel,
} from './distribution';
import { EVERYTHING, NOTHING, type Selection } from './selection';
import { flagOf, type Json, textsOf } from './values';

/** The default TTLs of the legacy settings: "Cache behavior settings". */
const OLDER_TTL_SECONDS = { min: 0, default: 86_400, max: 31_536_000 };

/**
 * Headers that the legacy settings remove unless they are listed. CloudFront forwards the others:
 * "HTTP request headers and CloudFront behavior" in "Request and response behavior for custom
 * origins".
 */
const REMOVED_BY_OLDER_SETTINGS = [
  'accept',
  'accept-charset',
  'accept-language',
  'authorization',
  'host',
  'referer',
  'user-agent',
  'x-http-method-override',
];

const KINDS: Readonly<Record<string, Selection['kind']>> = {
  none: 'none',
  all: 'all',
  allViewer: 'all',
  allViewerAndWhitelistCloudFront: 'all',
  whitelist: 'only',
  allExcept: 'all-except',
};

/** @returns undefined if the kind of selection is unknown */
function selection(
  config: unknown,
  what: 'Header' | 'Cookie' | 'QueryString',
): Selection | undefined {
  const settings = objectOf(config);
  const kind = ownEntry(KINDS, textOf(settings[`${what}Behavior`]));
  const names = textsOf(settings[`${what}s`]);
  return (
    kind && { kind, names: what === 'Header' ? names.map((name) => name.toLowerCase()) : names }
  );
}

function selections(parameters: Json): OriginRequestModel | undefined {
  const headers = selection(parameters.HeadersConfig, 'Header');
  const query = selection(parameters.QueryStringsConfig, 'QueryString');
  const cookies = selection(parameters.CookiesConfig, 'Cookie');
  return headers && query && cookies && { headers, query, cookies };
}

/**
 * Reads a cache policy. CloudFront raises a default TTL below the minimum TTL, and a maximum TTL
 * below either: "Managing how long content stays in the cache (expiration)".
 *
 * @returns undefined if the policy is incomplete or unknown
 */
export function cachePolicyOf(properties: Json): CachePolicyModel | undefined {
  const config = objectOf(properties.CachePolicyConfig);
  const key = objectOf(config.ParametersInCacheKeyAndForwardedToOrigin);
  const selected = selections(key);
  const [min, usual, max] = [config.MinTTL, config.DefaultTTL, config.MaxTTL].map(Number);
  if (
    !selected ||
    min === undefined ||
    usual === undefined ||
    max === undefined ||
    Number.isNaN(min + usual + max)
  )
    return undefined;
  return {
    name: textOf(config.Name),
    minTtlSeconds: min,
    defaultTtlSeconds: Math.max(usual, min),
    maxTtlSeconds: Math.max(max, usual, min),
    ...selected,
    gzip: flagOf(key.EnableAcceptEncodingGzip),
    brotli: flagOf(key.EnableAcceptEncodingBrotli),
  };
}

/** @returns undefined if the policy is incomplete or unknown */
export function originRequestOf(properties: Json): OriginRequestModel | undefined {
  return selections(objectOf(properties.OriginRequestPolicyConfig));
}

/**
 * The legacy settings of a behavior. Everything that they forward is in the cache key, except that
 * they can forward the whole query string and have only some parameters in the key. They normalize
 * gzip only: "Serving compressed files" names Brotli for cache policies only.
 */
export function olderSettingsOf(behavior: Json): {
  cachePolicy: CachePolicyModel;
  originRequest: OriginRequestModel;
} {
  const forwarded = objectOf(behavior.ForwardedValues);
  const { Forward: forward, WhitelistedNames: cookieNames } = objectOf(forwarded.Cookies);
  const headerNames = textsOf(forwarded.Headers).map((name) => name.toLowerCase());
  const keys = textsOf(forwarded.QueryStringCacheKeys);
  const forwardsQuery = flagOf(forwarded.QueryString);
  const headers: Selection = headerNames.includes('*')
    ? EVERYTHING
    : { kind: headerNames.length > 0 ? 'only' : 'none', names: headerNames };
  const cookies: Selection = {
    kind: ownEntry(KINDS, textOf(forward)) ?? 'none',
    names: textsOf(cookieNames),
  };
  const seconds = (value: unknown, otherwise: number) =>
    value === undefined ? otherwise : Number(value);
  return {
    cachePolicy: {
      name: 'ForwardedValues',
      minTtlSeconds: seconds(behavior.MinTTL, OLDER_TTL_SECONDS.min),
      defaultTtlSeconds: seconds(behavior.DefaultTTL, OLDER_TTL_SECONDS.default),
      maxTtlSeconds: seconds(behavior.MaxTTL, OLDER_TTL_SECONDS.max),
      headers,
      query: !forwardsQuery
        ? NOTHING
        : keys.length > 0
          ? { kind: 'only', names: keys }
          : EVERYTHING,
      cookies,
      gzip: true,
      brotli: false,
    },
    originRequest: {
      headers: {
        kind: 'all-except',
        names: REMOVED_BY_OLDER_SETTINGS.filter(
          (name) => headers.kind !== 'all' && !headerNames.includes(name),
        ),
      },
      cookies,
      query: forwardsQuery ? EVERYTHING : NOTHING,
    },
  };
}

/** "Understand response headers policies". The model omits the `Server-Timing` header. */
export function responseHeadersOf(properties: Json): ResponseHeadersModel {
  const config = objectOf(properties.ResponseHeadersPolicyConfig);
  const cors = config.CorsConfig === undefined ? undefined : corsOf(objectOf(config.CorsConfig));
  return {
    ...(cors && { cors }),
    remove: listOf(config.RemoveHeadersConfig).map((each) =>
      textOf(objectOf(each).Header).toLowerCase(),
    ),
    set: [
      ...securityHeadersOf(objectOf(config.SecurityHeadersConfig)),
      ...customHeadersOf(config.CustomHeadersConfig),
    ],
  };
}

function customHeadersOf(config: unknown): ResponseHeadersModel['set'] {
  return listOf(config)
    .map(objectOf)
    .map(({ Header, Value, Override }) => ({
      name: textOf(Header).toLowerCase(),
      value: textOf(Value),
      override: flagOf(Override),
    }));
}

function securityHeadersOf(config: Json): ResponseHeadersModel['set'] {
  const written: readonly [name: string, setting: string, value: (setting: Json) => string][] = [
    [
      'content-security-policy',
      'ContentSecurityPolicy',
      (each) => textOf(each.ContentSecurityPolicy),
    ],
    ['x-content-type-options', 'ContentTypeOptions', () => 'nosniff'],
    ['x-frame-options', 'FrameOptions', (each) => textOf(each.FrameOption)],
    ['referrer-policy', 'ReferrerPolicy', (each) => textOf(each.ReferrerPolicy)],
    ['strict-transport-security', 'StrictTransportSecurity', hsts],
    ['x-xss-protection', 'XSSProtection', xss],
  ];
  return written
    .filter(([, setting]) => config[setting] !== undefined)
    .map(([name, setting, value]) => {
      const chosen = objectOf(config[setting]);
      return { name, value: value(chosen), override: flagOf(chosen.Override) };
    });
}

function hsts(setting: Json): string {
  const parts = [`max-age=${textOf(setting.AccessControlMaxAgeSec)}`];
  if (flagOf(setting.IncludeSubdomains)) parts.push('includeSubDomains');
  if (flagOf(setting.Preload)) parts.push('preload');
  return parts.join('; ');
}

function xss(setting: Json): string {
  if (!flagOf(setting.Protection)) return '0';
  if (flagOf(setting.ModeBlock)) return '1; mode=block';
  return setting.ReportUri === undefined ? '1' : `1; report=${textOf(setting.ReportUri)}`;
}

function corsOf(config: Json): CorsModel {
  const names: readonly [header: string, value: string][] = [
    ['access-control-allow-methods', corsMethods(textsOf(config.AccessControlAllowMethods))],
    ['access-control-allow-headers', textsOf(config.AccessControlAllowHeaders).join(', ')],
    ['access-control-max-age', textOf(config.AccessControlMaxAgeSec)],
    ['access-control-expose-headers', textsOf(config.AccessControlExposeHeaders).join(', ')],
    [
      'access-control-allow-credentials',
      flagOf(config.AccessControlAllowCredentials) ? 'true' : '',
    ],
  ];
  return {
    override: flagOf(config.OriginOverride),
    allowOrigins: textsOf(config.AccessControlAllowOrigins),
    set: Object.fromEntries(names.filter(([, value]) => value !== '')),
    preflightOnly: [
      'access-control-allow-methods',
      'access-control-allow-headers',
      'access-control-max-age',
    ],
  };
}

function corsMethods(methods: readonly string[]): string {
  return (
    methods.includes('ALL') ? ['GET', 'HEAD', 'PUT', 'POST', 'PATCH', 'DELETE', 'OPTIONS'] : methods
  ).join(', ');
}
