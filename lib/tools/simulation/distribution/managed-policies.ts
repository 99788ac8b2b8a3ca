/**
 * The managed policies of AWS by ID, because a template contains only the ID. "Use managed cache
 * policies", "Use managed origin request policies" and "Use managed response headers policies",
 * Amazon CloudFront developer guide.
 */
import type {
  CachePolicyModel,
  CorsModel,
  OriginRequestModel,
  ResponseHeadersModel,
} from './distribution';
import { EVERYTHING, NOTHING, only } from './selection';

const DAY = 86_400;
const YEAR = 31_536_000;
const METHOD_OVERRIDES = ['x-http-method', 'x-http-method-override', 'x-method-override'];

export const MANAGED_CACHE_POLICIES: Readonly<Record<string, CachePolicyModel>> = {
  '4135ea2d-6df8-44a3-9df3-4b5a84be39ad': cachePolicy('CachingDisabled', [0, 0, 0], {}),
  '658327ea-f89d-4fab-a63d-7e88639e58f6': cachePolicy('CachingOptimized', [1, DAY, YEAR], {
    gzip: true,
    brotli: true,
  }),
  'b2884449-e4de-46a7-ac36-70bc7f1ddd6d': cachePolicy(
    'CachingOptimizedForUncompressedObjects',
    [1, DAY, YEAR],
    {},
  ),
  '83da9c7e-98b4-4e11-a168-04f0df8e2c65': cachePolicy(
    'UseOriginCacheControlHeaders',
    [0, 0, YEAR],
    {
      headers: only('host', 'origin', ...METHOD_OVERRIDES),
      cookies: EVERYTHING,
      gzip: true,
      brotli: true,
    },
  ),
  '4cc15a8a-d715-48a4-82b8-cc0b614638fe': cachePolicy(
    'UseOriginCacheControlHeaders-QueryStrings',
    [0, 0, YEAR],
    {
      headers: only('host', 'origin', ...METHOD_OVERRIDES),
      cookies: EVERYTHING,
      query: EVERYTHING,
      gzip: true,
      brotli: true,
    },
  ),
  '08627262-05a9-4f76-9ded-b50ca2e3a84f': cachePolicy('Elemental-MediaPackage', [0, DAY, YEAR], {
    headers: only('origin'),
    query: only('aws.manifestfilter', 'start', 'end', 'm'),
    gzip: true,
  }),
  '2e54312d-136d-493c-8eb9-b001f22f67d2': cachePolicy('Amplify', [2, 2, 600], {
    headers: only('authorization', 'cloudfront-viewer-country', 'host'),
    cookies: EVERYTHING,
    query: EVERYTHING,
    gzip: true,
    brotli: true,
  }),
};

/**
 * The model has no headers that CloudFront adds, so `AllViewerAndCloudFrontHeaders-2022-06`
 * forwards only the viewer's headers.
 */
export const MANAGED_ORIGIN_REQUEST_POLICIES: Readonly<Record<string, OriginRequestModel>> = {
  // AllViewer
  '216adef6-5c7f-47e4-b989-5492eafa07d3': {
    headers: EVERYTHING,
    cookies: EVERYTHING,
    query: EVERYTHING,
  },
  // AllViewerAndCloudFrontHeaders-2022-06
  '33f36d7e-f396-46d9-90e0-52428a34d9dc': {
    headers: EVERYTHING,
    cookies: EVERYTHING,
    query: EVERYTHING,
  },
  // AllViewerExceptHostHeader
  'b689b0a8-53d0-40ab-baf2-68738e2966ac': {
    headers: { kind: 'all-except', names: ['host'] },
    cookies: EVERYTHING,
    query: EVERYTHING,
  },
  // CORS-CustomOrigin
  '59781a5b-3903-41f3-afcb-af62929ccde1': forwarding('origin'),
  // CORS-S3Origin
  '88a5eaf4-2fd4-4709-b370-b4c650ea3fcf': forwarding(
    'origin',
    'access-control-request-headers',
    'access-control-request-method',
  ),
  // Elemental-MediaTailor-PersonalizedManifests
  '775133bc-15f2-49f9-abea-afb2e0bf67d2': {
    ...forwarding(
      'origin',
      'access-control-request-headers',
      'access-control-request-method',
      'user-agent',
      'x-forwarded-for',
    ),
    query: EVERYTHING,
  },
  // HostHeaderOnly
  'bf0718e1-ba1e-49d1-88b1-f726733018ae': forwarding('host'),
  // UserAgentRefererHeaders
  'acba4595-bd28-49b8-b9fe-13317c0390fa': forwarding('user-agent', 'referer'),
};

const SIMPLE_CORS: CorsModel = { override: false, allowOrigins: ['*'], set: {}, preflightOnly: [] };

const PREFLIGHT_CORS: CorsModel = {
  override: false,
  allowOrigins: ['*'],
  set: {
    'access-control-allow-methods': 'GET, HEAD, PUT, POST, PATCH, DELETE, OPTIONS',
    'access-control-expose-headers': '*',
  },
  preflightOnly: ['access-control-allow-methods'],
};

const SECURITY: ResponseHeadersModel['set'] = [
  { name: 'referrer-policy', value: 'strict-origin-when-cross-origin', override: false },
  { name: 'strict-transport-security', value: `max-age=${YEAR}`, override: false },
  { name: 'x-content-type-options', value: 'nosniff', override: true },
  { name: 'x-frame-options', value: 'SAMEORIGIN', override: false },
  { name: 'x-xss-protection', value: '1; mode=block', override: false },
];

export const MANAGED_RESPONSE_HEADERS_POLICIES: Readonly<Record<string, ResponseHeadersModel>> = {
  // SimpleCORS
  '60669652-455b-4ae9-85a4-c4c02393f86c': { remove: [], set: [], cors: SIMPLE_CORS },
  // CORS-With-Preflight
  '5cc3b908-e619-4b99-88e5-2cf7f45965bd': { remove: [], set: [], cors: PREFLIGHT_CORS },
  // SecurityHeadersPolicy
  '67f7725c-6f97-4210-82d7-5512b31e9d03': { remove: [], set: SECURITY },
  // CORS-and-SecurityHeadersPolicy
  'e61eb60c-9c35-4d20-a928-2b84e02af89c': { remove: [], set: SECURITY, cors: SIMPLE_CORS },
  // CORS-with-preflight-and-SecurityHeadersPolicy
  'eaab4381-ed33-4a86-88ca-d9558dc6cd63': { remove: [], set: SECURITY, cors: PREFLIGHT_CORS },
};

function forwarding(...headers: readonly string[]): OriginRequestModel {
  return { headers: only(...headers), cookies: NOTHING, query: NOTHING };
}

function cachePolicy(
  name: string,
  [minTtlSeconds, defaultTtlSeconds, maxTtlSeconds]: readonly [
    min: number,
    default_: number,
    max: number,
  ],
  { headers, query, cookies, gzip, brotli }: Partial<CachePolicyModel>,
): CachePolicyModel {
  return {
    name,
    minTtlSeconds,
    defaultTtlSeconds,
    maxTtlSeconds,
    headers: headers ?? NOTHING,
    query: query ?? NOTHING,
    cookies: cookies ?? NOTHING,
    gzip: gzip ?? false,
    brotli: brotli ?? false,
  };
}
