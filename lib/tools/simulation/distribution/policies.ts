/**
 * Reads the cache, origin request and response headers policies of a template, and the legacy
 * settings that preceded them.
 */
import type {
  CachePolicyModel,
  CorsModel,
  OriginRequestModel,
  ResponseHeadersModel,
} from './distribution';
import { EVERYTHING, NOTHING, type Selection } from './selection';
import { flag, type Json, list, object, text, texts } from './values';

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
  const settings = object(config);
  const kind = KINDS[text(settings[`${what}Behavior`])];
  const names = texts(settings[`${what}s`]);
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
  const config = object(properties.CachePolicyConfig);
  const key = object(config.ParametersInCacheKeyAndForwardedToOrigin);
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
    name: text(config.Name),
    minTtlSeconds: min,
    defaultTtlSeconds: Math.max(usual, min),
    maxTtlSeconds: Math.max(max, usual, min),
    ...selected,
    gzip: flag(key.EnableAcceptEncodingGzip),
    brotli: flag(key.EnableAcceptEncodingBrotli),
  };
}

/** @returns undefined if the policy is incomplete or unknown */
export function originRequestOf(properties: Json): OriginRequestModel | undefined {
  return selections(object(properties.OriginRequestPolicyConfig));
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
  const forwarded = object(behavior.ForwardedValues);
  const { Forward: forward, WhitelistedNames: cookieNames } = object(forwarded.Cookies);
  const headerNames = texts(forwarded.Headers).map((name) => name.toLowerCase());
  const keys = texts(forwarded.QueryStringCacheKeys);
  const forwardsQuery = flag(forwarded.QueryString);
  const headers: Selection = headerNames.includes('*')
    ? EVERYTHING
    : { kind: headerNames.length > 0 ? 'only' : 'none', names: headerNames };
  const cookies: Selection = { kind: KINDS[text(forward)] ?? 'none', names: texts(cookieNames) };
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
  const config = object(properties.ResponseHeadersPolicyConfig);
  const cors = config.CorsConfig === undefined ? undefined : corsOf(object(config.CorsConfig));
  return {
    ...(cors && { cors }),
    remove: list(config.RemoveHeadersConfig).map((each) => text(object(each).Header).toLowerCase()),
    set: [
      ...securityHeadersOf(object(config.SecurityHeadersConfig)),
      ...customHeadersOf(config.CustomHeadersConfig),
    ],
  };
}

function customHeadersOf(config: unknown): ResponseHeadersModel['set'] {
  return list(config)
    .map(object)
    .map(({ Header, Value, Override }) => ({
      name: text(Header).toLowerCase(),
      value: text(Value),
      override: flag(Override),
    }));
}

function securityHeadersOf(config: Json): ResponseHeadersModel['set'] {
  const written: readonly [name: string, setting: string, value: (setting: Json) => string][] = [
    [
      'content-security-policy',
      'ContentSecurityPolicy',
      (each) => text(each.ContentSecurityPolicy),
    ],
    ['x-content-type-options', 'ContentTypeOptions', () => 'nosniff'],
    ['x-frame-options', 'FrameOptions', (each) => text(each.FrameOption)],
    ['referrer-policy', 'ReferrerPolicy', (each) => text(each.ReferrerPolicy)],
    ['strict-transport-security', 'StrictTransportSecurity', hsts],
    ['x-xss-protection', 'XSSProtection', xss],
  ];
  return written
    .filter(([, setting]) => config[setting] !== undefined)
    .map(([name, setting, value]) => {
      const chosen = object(config[setting]);
      return { name, value: value(chosen), override: flag(chosen.Override) };
    });
}

function hsts(setting: Json): string {
  const parts = [`max-age=${text(setting.AccessControlMaxAgeSec)}`];
  if (flag(setting.IncludeSubdomains)) parts.push('includeSubDomains');
  if (flag(setting.Preload)) parts.push('preload');
  return parts.join('; ');
}

function xss(setting: Json): string {
  if (!flag(setting.Protection)) return '0';
  if (flag(setting.ModeBlock)) return '1; mode=block';
  return setting.ReportUri === undefined ? '1' : `1; report=${text(setting.ReportUri)}`;
}

function corsOf(config: Json): CorsModel {
  const names: readonly [header: string, value: string][] = [
    ['access-control-allow-methods', corsMethods(texts(config.AccessControlAllowMethods))],
    ['access-control-allow-headers', texts(config.AccessControlAllowHeaders).join(', ')],
    ['access-control-max-age', text(config.AccessControlMaxAgeSec)],
    ['access-control-expose-headers', texts(config.AccessControlExposeHeaders).join(', ')],
    ['access-control-allow-credentials', flag(config.AccessControlAllowCredentials) ? 'true' : ''],
  ];
  return {
    override: flag(config.OriginOverride),
    allowOrigins: texts(config.AccessControlAllowOrigins),
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
