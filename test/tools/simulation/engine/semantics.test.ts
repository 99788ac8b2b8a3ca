/**
 * CloudFront's rules, each with its page of the Amazon CloudFront developer guide. Rules marked RFC
 * apply where the guide is silent; rules marked `modeled` are assumptions of the model.
 */

import type {
  BehaviorModel,
  CachePolicyModel,
} from '../../../../lib/tools/simulation/distribution/distribution';
import {
  CacheEngine,
  type Fetch,
  type ServedResponse,
} from '../../../../lib/tools/simulation/engine/engine';
import { freshness } from '../../../../lib/tools/simulation/engine/freshness';
import type {
  HeaderFields,
  HttpRequest,
  HttpResponse,
} from '../../../../lib/tools/simulation/messages';
import { cacheKey } from '../../../../lib/tools/simulation/path/cache-key';
import { viewerResponse } from '../../../../lib/tools/simulation/path/viewer-response';
import { ALL, behavior, httpRequest, keyed, only } from './fixture';

/** A rule with its page, a run of the model, and the expected outcome. */
type Row = readonly [
  rule: string,
  run: (given: BehaviorModel) => unknown,
  expected: unknown,
  /** By default, TTLs of 0, a day and a year, and a key with host and path only. */
  given?: BehaviorModel,
];

const NOW = Date.parse('Sat, 27 Jun 2015 12:00:00 GMT');
const date = (seconds: number) => new Date(NOW + seconds * 1000).toUTCString();
const KEEPING = behavior({ minTtlSeconds: 60, defaultTtlSeconds: 600, maxTtlSeconds: 3600 });
const CAPPED = behavior({ defaultTtlSeconds: 600, maxTtlSeconds: 3600 });

/** The lifetime of a response in seconds, or `no` if it is not cached. */
function lifetime(
  fields: Record<string, string | string[]>,
  status = 200,
  minimums: Record<number, number> = {},
): Row[1] {
  const headers = fieldsOf(fields);
  return ({ cachePolicy }) => {
    const { storable, expiresMs } = freshness(status, headers, headers, cachePolicy, minimums, NOW);
    return storable ? (expiresMs - NOW) / 1000 : 'no';
  };
}

function fieldsOf(fields: Record<string, string | readonly string[]>): HeaderFields {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, [value].flat()]));
}

type RequestSpec = Partial<Omit<HttpRequest, 'headers'>> & {
  url: string;
  headers?: Record<string, string>;
};
const requestOf = ({ url, headers = {}, ...rest }: RequestSpec) =>
  httpRequest(url, { ...rest, headers: fieldsOf(headers) });

/** Whether two requests have the same key. */
function sameKey(first: RequestSpec | string, second: RequestSpec | string): Row[1] {
  const key = (one: RequestSpec | string, given: BehaviorModel) =>
    cacheKey(given, requestOf(typeof one === 'string' ? { url: one } : one)).key;
  return (given) => key(first, given) === key(second, given);
}

type Origin =
  | 'unreachable'
  | ({ status?: number; bytes?: number } & Record<string, string | number>);

/** Caches with a manual clock and a manual origin. */
class World {
  readonly open: Fetch[] = [];
  private id = 0;
  private nowMs = NOW;
  constructor(
    private readonly of: BehaviorModel,
    readonly engine = new CacheEngine({
      capacityBytes: { pop: 5000, regional: 50_000, shield: 50_000 },
      errorMinTtlSeconds: { 503: 30 },
    }),
  ) {}

  wait(seconds: number): this {
    this.nowMs += seconds * 1000;
    return this;
  }

  send(
    one: RequestSpec | string,
    place: { pop?: string; regional?: string; shield?: string } = {},
  ): ServedResponse | undefined {
    const request = requestOf(typeof one === 'string' ? { url: one } : one);
    const { served, fetch } = this.engine.request(
      keyed(++this.id, this.of, request, place),
      this.nowMs,
    );
    if (fetch) this.open.push(fetch);
    return served;
  }

  respond(origin: Origin = {}): readonly ServedResponse[] {
    const fetch = this.open.shift();
    if (fetch === undefined) throw new Error('there is no fetch to respond to');
    const { served, fetches } = this.engine.receive(
      fetch.id,
      origin === 'unreachable' ? origin : responseOf(origin),
      this.nowMs,
    );
    this.open.push(...fetches);
    return served;
  }

  /** The outcome of a request if the origin responds to its fetch at once. */
  get(
    one: RequestSpec | string,
    origin: Origin = {},
    place: { pop?: string; regional?: string; shield?: string } = {},
  ): string {
    const served = this.send(one, place);
    if (served !== undefined) return summary(served);
    return this.respond(origin).map(summary).join(' + ');
  }
}

function responseOf({
  status = 200,
  bytes = 1000,
  ...fields
}: Exclude<Origin, string>): HttpResponse {
  return { status, headers: fieldsOf(fields as Record<string, string>), bodyBytes: bytes };
}

function summary({
  result,
  servedBy,
  reason,
  stale,
  collapsed,
  ageSeconds,
}: ServedResponse): string {
  const words = [
    result,
    servedBy,
    reason,
    stale && 'stale',
    collapsed && 'collapsed',
    ageSeconds > 0 && `age ${ageSeconds}`,
  ];
  return words.filter(Boolean).join(' ');
}

const hour = { 'cache-control': 'max-age=3600' };
const minute = { 'cache-control': 'max-age=60' };
const world =
  (run: (w: World) => unknown): Row[1] =>
  (given) =>
    run(new World(given));
/**
 * The outcome after two minutes for an object cached for a minute.
 *
 * @param origin the origin's response to the second fetch
 */
const afterAMinute = (fields: Record<string, string>, origin: Origin) =>
  world((w) => [w.get('/a', fields), w.wait(120).get('/a', origin)].at(-1));

const KEY = 'Understand the cache key';
const QUERY = 'Cache content based on query string parameters';
const HEADERS = 'Cache content based on request headers';
const COOKIES = 'Cache content based on cookies';
const ENCODING = 'Understand cache policies, compressed objects';
const CUSTOM = 'Request and response behavior for custom origins';

const policy = (of: Partial<CachePolicyModel>) => behavior(of);
const header = (name: string, value: string, url = '/a'): RequestSpec => ({
  url,
  headers: { [name]: value },
});
const encodings = (value: string) => (given: BehaviorModel) => {
  const { key, urlKey } = cacheKey(given, requestOf(header('accept-encoding', value)));
  return key.slice(urlKey.length).split('=')[1];
};
const BOTH = policy({ gzip: true, brotli: true });

const ALL_QUERY = policy({ query: ALL });
const QUERY_X = policy({ query: only('x') });
const ALL_BUT_U = policy({ query: { kind: 'all-except', names: ['u'] } });
const BY_ACCEPT = policy({ headers: only('accept') });
const COOKIE_A = policy({ cookies: only('a') });

const KEY_ROWS: Row[] = [
  [
    `${KEY}: the host is part of the key`,
    sameKey({ url: '/a', host: 'x.example' }, { url: '/a', host: 'y.example' }),
    false,
  ],
  [`${KEY}: the path is part of the key`, sameKey('/a', '/b'), false],
  [`${KEY}: paths are compared byte by byte`, sameKey('/a%2Fb', '/a/b'), false],
  [`${KEY}: paths are case-sensitive`, sameKey('/a', '/A'), false],
  [`${KEY}: a trailing slash distinguishes paths`, sameKey('/a', '/a/'), false],
  [`${QUERY}: by default, the query is not part of the key`, sameKey('/a?x=1', '/a?x=2'), true],
  [`${QUERY}: all: values distinguish objects`, sameKey('/a?x=1', '/a?x=2'), false, ALL_QUERY],
  [
    `${QUERY}: all: order distinguishes objects`,
    sameKey('/a?x=1&y=2', '/a?y=2&x=1'),
    false,
    ALL_QUERY,
  ],
  [`${QUERY}: all: names are case-sensitive`, sameKey('/a?x=1', '/a?X=1'), false, ALL_QUERY],
  [`${QUERY}: all: values are case-sensitive`, sameKey('/a?x=b', '/a?x=B'), false, ALL_QUERY],
  [
    `${QUERY}: some: other parameters are ignored`,
    sameKey('/a?x=1&u=1', '/a?u=2&x=1'),
    true,
    QUERY_X,
  ],
  [
    `${QUERY}: some: a listed parameter distinguishes objects`,
    sameKey('/a?x=1', '/a?x=2'),
    false,
    QUERY_X,
  ],
  [
    `${QUERY}: some: the order of listed parameters distinguishes objects`,
    sameKey('/a?x=1&y=1', '/a?y=1&x=1'),
    false,
    policy({ query: only('x', 'y') }),
  ],
  [`${QUERY}: some: names are case-sensitive`, sameKey('/a?X=1', '/a?X=2'), true, QUERY_X],
  [
    `${QUERY}: all except: a listed parameter is ignored`,
    sameKey('/a?x=1&u=1', '/a?x=1&u=2'),
    true,
    ALL_BUT_U,
  ],
  [
    `${QUERY}: all except: other parameters distinguish objects`,
    sameKey('/a?x=1&u=1', '/a?x=2&u=1'),
    false,
    ALL_BUT_U,
  ],
  [`${QUERY}: only & separates parameters`, sameKey('/a?x=1;u=1', '/a?x=1;u=2'), false, QUERY_X],
  [`${QUERY}: all: flag differs from flag=`, sameKey('/a?flag', '/a?flag='), false, ALL_QUERY],
  [
    `${QUERY}: some: flag differs from flag=`,
    sameKey('/a?flag', '/a?flag='),
    false,
    policy({ query: only('flag') }),
  ],
  [`${QUERY}: nothing is decoded`, sameKey('/a?x=%20', '/a?x=+'), false, ALL_QUERY],
  [
    `${QUERY}: a repeated parameter distinguishes objects`,
    sameKey('/a?x=1&x=2', '/a?x=1'),
    false,
    QUERY_X,
  ],
  [
    `${HEADERS}: by default, no header is part of the key`,
    sameKey(header('accept', 'a'), header('accept', 'b')),
    true,
  ],
  [
    `${HEADERS}: a listed header distinguishes objects by its value`,
    sameKey(header('accept', 'a'), header('accept', 'b')),
    false,
    BY_ACCEPT,
  ],
  [
    `${HEADERS}: values are case-sensitive`,
    sameKey(header('accept', 'a'), header('accept', 'A')),
    false,
    BY_ACCEPT,
  ],
  [
    `${HEADERS}: an empty header differs from a missing one`,
    sameKey(header('accept', ''), '/a'),
    false,
    BY_ACCEPT,
  ],
  [`${HEADERS}: other headers are ignored`, sameKey(header('dnt', '1'), '/a'), true, BY_ACCEPT],
  [
    `${HEADERS}: a listed Authorization distinguishes objects`,
    sameKey(header('authorization', 'a'), header('authorization', 'b')),
    false,
    policy({ headers: only('authorization') }),
  ],
  [
    `${CUSTOM}: an unlisted Authorization is removed, so viewers share the object`,
    sameKey(header('authorization', 'a'), header('authorization', 'b')),
    true,
  ],
  [
    `${COOKIES}: by default, no cookie is part of the key`,
    sameKey(header('cookie', 'a=1'), header('cookie', 'a=2')),
    true,
  ],
  [
    `${COOKIES}: some: a listed cookie distinguishes objects`,
    sameKey(header('cookie', 'a=1'), header('cookie', 'a=2')),
    false,
    COOKIE_A,
  ],
  [
    `${COOKIES}: some: other cookies are ignored`,
    sameKey(header('cookie', 'a=1; b=1'), header('cookie', 'b=2; a=1')),
    true,
    COOKIE_A,
  ],
  [
    `${COOKIES}: some: names are case-sensitive`,
    sameKey(header('cookie', 'A=1'), header('cookie', 'A=2')),
    true,
    COOKIE_A,
  ],
  [
    `${COOKIES}: all except: a listed cookie is ignored`,
    sameKey(header('cookie', 'a=1; b=1'), header('cookie', 'a=1; b=2')),
    true,
    policy({ cookies: { kind: 'all-except', names: ['b'] } }),
  ],
  [
    `${COOKIES}: all: every cookie distinguishes objects`,
    sameKey(header('cookie', 'a=1'), header('cookie', 'a=1; b=2')),
    false,
    policy({ cookies: ALL }),
  ],
  [
    `${ENCODING}: br and gzip are kept if both are accepted`,
    encodings('gzip, deflate, br'),
    'br,gzip',
    BOTH,
  ],
  [
    `${ENCODING}: gzip is kept if only it is accepted`,
    encodings('gzip;q=0.5, deflate'),
    'gzip',
    BOTH,
  ],
  [`${ENCODING}: br is kept if only it is accepted`, encodings('br'), 'br', BOTH],
  [
    `${ENCODING}: the header is removed if neither is accepted`,
    encodings('deflate'),
    undefined,
    BOTH,
  ],
  [
    `${ENCODING}: gzip is kept if only it is enabled`,
    encodings('br, gzip'),
    'gzip',
    policy({ gzip: true }),
  ],
  [`${ENCODING}: the header is removed if neither is enabled`, encodings('br, gzip'), undefined],
  [`RFC 9110, 12.4.2: a weight of 0 rejects a coding`, encodings('br;q=0, gzip'), 'gzip', BOTH],
  [`RFC 9110, 8.4.1: codings are case-insensitive`, encodings('GZIP, BR'), 'br,gzip', BOTH],
  [`${CUSTOM}: GET and HEAD share an object`, sameKey('/a', { url: '/a', method: 'HEAD' }), true],
  [
    `${CUSTOM}: OPTIONS has an object of its own`,
    sameKey('/a', { url: '/a', method: 'OPTIONS' }),
    false,
  ],
];

const TTL = 'Manage how long content stays in the cache (expiration)';
const ERRORS = 'How CloudFront processes HTTP 4xx and 5xx status codes';
const REDIRECTS = 'How CloudFront processes HTTP 3xx status codes';

const cc = (value: string, more: Record<string, string> = {}) =>
  lifetime({ 'cache-control': value, ...more });

const TTL_ROWS: Row[] = [
  [`${TTL}: without headers, the default TTL applies`, lifetime({}), 600, CAPPED],
  [
    `${TTL}: without headers, the minimum TTL applies if it is greater`,
    lifetime({}),
    700,
    policy({ minTtlSeconds: 700, defaultTtlSeconds: 600, maxTtlSeconds: 800 }),
  ],
  [`${TTL}: with a minimum TTL of 0, max-age applies`, cc('max-age=100'), 100, CAPPED],
  [
    `${TTL}: with a minimum TTL of 0, max-age is limited by the maximum TTL`,
    cc('max-age=9999'),
    3600,
    CAPPED,
  ],
  [`${TTL}: with a minimum TTL, a smaller max-age is raised`, cc('max-age=10'), 60, KEEPING],
  [
    `${TTL}: with a minimum TTL, a max-age within the limits applies`,
    cc('max-age=100'),
    100,
    KEEPING,
  ],
  [
    `${TTL}: with a minimum TTL, max-age is limited by the maximum TTL`,
    cc('max-age=9999'),
    3600,
    KEEPING,
  ],
  [`${TTL}: s-maxage overrides max-age`, cc('max-age=100, s-maxage=200'), 200, CAPPED],
  [`${TTL}: a shorter s-maxage overrides max-age too`, cc('s-maxage=50, max-age=100'), 50, CAPPED],
  [`${TTL}: s-maxage is limited by the maximum TTL`, cc('s-maxage=9999'), 3600, CAPPED],
  [
    `${TTL}: with a minimum TTL, a smaller s-maxage is raised`,
    cc('s-maxage=1, max-age=500'),
    60,
    KEEPING,
  ],
  [`${TTL}: Expires applies`, lifetime({ expires: date(200) }), 200, CAPPED],
  [
    `${TTL}: Expires is limited by the maximum TTL`,
    lifetime({ expires: date(9999) }),
    3600,
    CAPPED,
  ],
  [
    `${TTL}: with a minimum TTL, an earlier Expires is delayed`,
    lifetime({ expires: date(5) }),
    60,
    KEEPING,
  ],
  [`${TTL}: max-age overrides Expires`, cc('max-age=100', { expires: date(300) }), 100, CAPPED],
  [
    `${TTL}: Expires applies whatever Date says`,
    lifetime({ expires: date(200), date: date(-100) }),
    200,
    CAPPED,
  ],
  [
    `${TTL}: with a minimum TTL of 0, no-store is not cached`,
    cc('no-store, max-age=100'),
    'no',
    CAPPED,
  ],
  [
    `${TTL}: with a minimum TTL of 0, private is not cached`,
    cc('private, max-age=100'),
    'no',
    CAPPED,
  ],
  [
    `${TTL}: with a minimum TTL of 0, no-cache is not cached`,
    cc('no-cache, max-age=100'),
    'no',
    CAPPED,
  ],
  [
    `RFC 9111, 5.2.2.4: no-cache with a validator is stored for revalidation`,
    cc('no-cache, max-age=100', { etag: '"1"' }),
    0,
    CAPPED,
  ],
  [`${TTL}: with a minimum TTL, it applies to no-store`, cc('no-store'), 60, KEEPING],
  [`${TTL}: with a minimum TTL, it applies to private`, cc('private, max-age=500'), 60, KEEPING],
  [`${TTL}: with a minimum TTL, it applies to no-cache`, cc('no-cache'), 60, KEEPING],
  [`${TTL}: with a minimum TTL of 0, max-age=0 expires at once`, cc('max-age=0'), 0, CAPPED],
  [`${TTL}: public alone leaves the default TTL`, cc('public'), 600, CAPPED],
  [`RFC 9111, 5.1: Age is subtracted from max-age`, cc('max-age=100', { age: '30' }), 70, CAPPED],
  [
    `RFC 9111, 5.1: a response older than its max-age is stale`,
    cc('max-age=100', { age: '130' }),
    0,
    CAPPED,
  ],
  [
    `${TTL}: the minimum TTL applies whatever Age says`,
    cc('max-age=100', { age: '90' }),
    60,
    KEEPING,
  ],
  [`${TTL}: the default TTL applies whatever Age says`, lifetime({ age: '90' }), 600, CAPPED],
  [
    `RFC 9111, 4.2.3: a past Date is an age too`,
    cc('max-age=100', { date: date(-40) }),
    60,
    CAPPED,
  ],
  [`RFC 9111, 4.2.3: a future Date is no age`, cc('max-age=100', { date: date(40) }), 100, CAPPED],
  [
    `RFC 9111, 5.1: the first of several Age fields applies`,
    lifetime({ ...{ 'cache-control': 'max-age=100' }, age: ['10', '90'] }),
    90,
    CAPPED,
  ],
  [
    `RFC 9111, 5.1: the first value of an Age with commas applies`,
    cc('max-age=100', { age: '20, 0' }),
    80,
    CAPPED,
  ],
  [`RFC 9111, 5.1: a negative Age is ignored`, cc('max-age=100', { age: '-50' }), 100, CAPPED],
  [`RFC 9111, 5.1: a fractional Age is ignored`, cc('max-age=100', { age: '50.0' }), 100, CAPPED],
  [
    `RFC 9111, 1.2.2: an Age beyond 31 bits is the greatest age`,
    cc('max-age=3600', { age: '99999999999' }),
    0,
    CAPPED,
  ],
  [
    `RFC 9111, 1.2.2: a max-age beyond 31 bits is the greatest lifetime`,
    cc('max-age=99999999999999999999'),
    3600,
    CAPPED,
  ],
  [`RFC 9111, 5.2: directives are case-insensitive`, cc('MAX-AGE=100'), 100, CAPPED],
  [`RFC 9111, 5.2: an argument may be quoted`, cc('max-age="100"'), 100, CAPPED],
  [
    `RFC 9111, 5.2: quoted text contains no directives`,
    cc('ext="no-store, max-age=1", max-age=100'),
    100,
    CAPPED,
  ],
  [
    `RFC 9111, 4.2.1: the first of two max-age directives applies`,
    cc('max-age=100, max-age=5'),
    100,
    CAPPED,
  ],
  [
    `RFC 9111, 4.2.1: the first of two max-age directives on two lines applies`,
    lifetime({ 'cache-control': ['max-age=5', 'max-age=100'] }),
    5,
    CAPPED,
  ],
  [`RFC 9111, 4.2.1: a response with an invalid max-age is stale`, cc("max-age='100'"), 0, CAPPED],
  [`RFC 9111, 4.2.1: a response with a negative max-age is stale`, cc('max-age=-5'), 0, CAPPED],
  [`RFC 9111, 5.3: an Expires of 0 is in the past`, lifetime({ expires: '0' }), 0, CAPPED],
  [
    `RFC 9111, 5.3: an Expires in another time zone is in the past`,
    lifetime({ expires: 'Sat, 27 Jun 2015 13:00:00 AEST' }),
    0,
    CAPPED,
  ],
  [
    `RFC 9111, 5.3: an Expires with a two-digit year is in the past`,
    lifetime({ expires: 'Saturday, 27-Jun-15 13:00:00 GMT' }),
    0,
    CAPPED,
  ],
  [
    `RFC 9111, 5.3: two Expires fields are in the past`,
    lifetime({ expires: [date(100), date(200)] }),
    0,
    CAPPED,
  ],
  [`${REDIRECTS}: 301 gets the default TTL`, lifetime({}, 301), 600, CAPPED],
  [`${REDIRECTS}: 302 gets its max-age`, lifetime(minute, 302), 60, CAPPED],
  [
    `${REDIRECTS}: 307 is not cached without Cache-Control`,
    lifetime({ expires: date(100) }, 307),
    'no',
    CAPPED,
  ],
  [`${REDIRECTS}: 307 is cached with Cache-Control`, lifetime(minute, 307), 60, CAPPED],
  [`${REDIRECTS}: 308 is not cached without Cache-Control`, lifetime({}, 308), 'no', CAPPED],
  ...[404, 414, 500, 501, 502, 503, 504].map(
    (status): Row => [`${ERRORS}: ${status} is always cached`, lifetime({}, status), 10],
  ),
  ...[400, 403, 405, 412, 415].flatMap((status): Row[] => [
    [
      `${ERRORS}: ${status} is not cached without Cache-Control`,
      lifetime({ expires: date(100) }, status),
      'no',
    ],
    [`${ERRORS}: ${status} is cached with max-age`, lifetime(minute, status), 60],
  ]),
  [
    `${ERRORS}: 403 is cached with s-maxage`,
    lifetime({ 'cache-control': 's-maxage=40, max-age=20' }, 403),
    40,
  ],
  [
    `${ERRORS}: the error caching minimum TTL applies if it is greater than max-age`,
    lifetime({ 'cache-control': 'max-age=5' }, 404),
    10,
  ],
  [
    `${ERRORS}: the distribution sets the error caching minimum TTL by status`,
    lifetime({}, 503, { 503: 90 }),
    90,
  ],
  [`${ERRORS}: the error caching minimum TTL may be 0`, lifetime({}, 404, { 404: 0 }), 0],
  [
    `${ERRORS}: the error caching minimum TTL of another status is ignored`,
    lifetime({}, 404, { 503: 90 }),
    10,
  ],
  [`${ERRORS}: 410 is not cached`, lifetime(hour, 410), 'no'],
  [`${ERRORS}: 429 is not cached`, lifetime(hour, 429), 'no'],
  [
    `${CUSTOM}, content negotiation: with a minimum TTL of 0, Vary: * is fetched each time`,
    cc('max-age=100', { vary: '*' }),
    0,
    CAPPED,
  ],
  [
    `${CUSTOM}, content negotiation: with a minimum TTL, Vary: * is cached`,
    cc('max-age=100', { vary: '*' }),
    100,
    KEEPING,
  ],
  [
    `${HEADERS}: other values of Vary do not affect caching`,
    cc('max-age=100', { vary: 'accept' }),
    100,
    CAPPED,
  ],
];

const RANGES = 'How CloudFront processes partial requests (range GETs)';
const SHIELD = 'Use Amazon CloudFront Origin Shield';
const REGIONAL = 'How CloudFront works with regional edge caches';
const COLLAPSE = `${CUSTOM}, request collapsing`;
const two = (origin: Origin, place = {}) =>
  world((w) => {
    w.send('/a');
    w.send('/a', place);
    const fetches = w.open.length;
    return [fetches, ...w.respond(origin).map(summary), w.open.length];
  });
const swr = { 'cache-control': 'max-age=60, stale-while-revalidate=100' };
const FRANKFURT = { pop: 'FRA', regional: 'eu-central-1' };
const SEOUL = { pop: 'ICN' };

const CACHE_ROWS: Row[] = [
  [
    `${TTL}: an object is served from the edge until it expires`,
    world((w) => [w.get('/a', minute), w.wait(59).get('/a')]),
    ['Miss origin first-seen', 'Hit pop age 59'],
  ],
  [`${TTL}: an expired object is fetched`, afterAMinute(minute, minute), 'Miss origin expired'],
  [
    `${TTL}: an expired object is revalidated by its entity tag`,
    world((w) => [
      w.get('/a', { ...minute, etag: '"1"' }),
      w.wait(60).send('/a'),
      w.open[0]?.validators,
    ]),
    ['Miss origin first-seen', undefined, { etag: '"1"' }],
  ],
  [
    `${CUSTOM}, conditional requests: an expired object is revalidated by its modification date`,
    world((w) =>
      [
        w.get('/a', { ...minute, 'last-modified': date(-9) }),
        w.wait(60).send('/a'),
        w.open[0]?.validators,
      ].at(-1),
    ),
    { lastModified: date(-9) },
  ],
  [
    `${CUSTOM}, content negotiation: Vary: * is fetched without conditions`,
    world((w) =>
      [w.get('/a', { vary: '*', etag: '"1"' }), w.send('/a'), w.open[0]?.validators].at(-1),
    ),
    undefined,
  ],
  [
    `${TTL}: a 304 confirms an expired object`,
    afterAMinute({ ...minute, etag: '"1"' }, { status: 304 }),
    'RefreshHit origin expired',
  ],
  [
    `RFC 9111, 4.3.4: a 304 renews the lifetime`,
    world((w) =>
      [
        w.get('/a', { ...minute, etag: '"1"' }),
        w.wait(60).get('/a', { status: 304 }),
        w.wait(59).get('/a'),
      ].at(-1),
    ),
    'Hit pop age 59',
  ],
  [
    `RFC 9111, 3.2: a 304 updates header fields except the length`,
    world((w) =>
      [
        w.get('/a', { ...minute, etag: '"1"', x: '1', y: '1', 'content-length': '9' }),
        w.wait(60).get('/a', { status: 304, x: '2', 'content-length': '0' }),
        w.send('/a')?.response.headers,
      ].at(-1),
    ),
    fieldsOf({ ...minute, etag: '"1"', x: '2', y: '1', 'content-length': '9' }),
  ],
  [
    `${TTL}: a 200 replaces an expired object`,
    world((w) =>
      [
        w.get('/a', { ...minute, etag: '"1"' }),
        w.wait(60).get('/a', { ...minute, etag: '"2"' }),
        w.send('/a')?.response.headers.etag,
      ].at(-1),
    ),
    ['"2"'],
  ],
  [
    `${TTL}: a no-store response removes the cached object`,
    world((w) => [
      w.get('/a', minute),
      w.wait(60).get('/a', { 'cache-control': 'no-store' }),
      w.get('/a'),
    ]),
    ['Miss origin first-seen', 'Miss origin uncacheable', 'Miss origin first-seen'],
  ],
  [
    `${TTL}: the viewer's Cache-Control is ignored`,
    world((w) => [w.get('/a', hour), w.get(header('cache-control', 'no-cache'))].at(-1)),
    'Hit pop',
  ],
  [
    `${TTL}: the viewer's Pragma is ignored`,
    world((w) => [w.get('/a', hour), w.get(header('pragma', 'no-cache'))].at(-1)),
    'Hit pop',
  ],
  [
    `${TTL}: TTLs of 0 disable caching`,
    world((w) => [w.get('/a', hour), w.get('/a')].at(-1)),
    'Miss origin uncacheable',
    policy({ defaultTtlSeconds: 0, maxTtlSeconds: 0 }),
  ],
  [
    `${HEADERS}: forwarding all headers disables caching`,
    world((w) => [w.get('/a', hour), w.get('/a')].at(-1)),
    'Miss origin uncacheable',
    policy({ headers: ALL }),
  ],
  [
    `${TTL}: stale-while-revalidate serves stale and refreshes`,
    world((w) =>
      [
        w.get('/a', swr),
        summary(w.wait(70).send('/a') as ServedResponse),
        w.open[0]?.background,
      ].slice(1),
    ),
    ['Hit pop stale age 70', true],
  ],
  [
    `${TTL}: stale-while-revalidate starts a single refresh`,
    world((w) => [w.get('/a', swr), w.wait(70).send('/a'), w.send('/a'), w.open.length].at(-1)),
    1,
  ],
  [
    `${TTL}: the response of a refresh is served next`,
    world((w) => [w.get('/a', swr), w.wait(70).send('/a'), w.respond(swr), w.get('/a')].slice(2)),
    [[], 'Hit pop'],
  ],
  [
    `${TTL}: after stale-while-revalidate, the object is fetched`,
    afterAMinute({ 'cache-control': 'max-age=60, stale-while-revalidate=59' }, minute),
    'Miss origin expired',
  ],
  [
    `${TTL}: stale-while-revalidate is limited by the maximum TTL`,
    afterAMinute(swr, minute),
    'Miss origin expired',
    policy({ defaultTtlSeconds: 60, maxTtlSeconds: 60 }),
  ],
  [
    `RFC 9111, 5.2.2.2: must-revalidate forbids stale-while-revalidate`,
    afterAMinute(
      { 'cache-control': 'max-age=60, must-revalidate, stale-while-revalidate=100' },
      minute,
    ),
    'Miss origin expired',
  ],
  [
    `${ERRORS}: an expired object is served on a 5xx`,
    afterAMinute(minute, { status: 500 }),
    'Hit pop stale age 120',
  ],
  [
    `${CUSTOM}, origin unavailable: an expired object is served if there is no response`,
    afterAMinute(minute, 'unreachable'),
    'Hit pop stale age 120',
  ],
  [
    `${ERRORS}: a 4xx is served instead of an expired object`,
    afterAMinute(minute, { status: 404 }),
    'Error origin expired',
  ],
  [
    `${ERRORS}: the error caching minimum TTL delays the next fetch after an error`,
    world((w) =>
      [w.get('/a', minute), w.wait(60).get('/a', { status: 503 }), w.wait(29).get('/a')].at(-1),
    ),
    'Hit pop stale age 89',
  ],
  [
    `${ERRORS}: after the error caching minimum TTL, the object is fetched again`,
    world((w) =>
      [w.get('/a', minute), w.wait(60).get('/a', { status: 503 }), w.wait(30).get('/a', minute)].at(
        -1,
      ),
    ),
    'Miss origin expired',
  ],
  [
    `${TTL}: after stale-if-error, the error is served`,
    afterAMinute({ 'cache-control': 'max-age=60, stale-if-error=59' }, { status: 500 }),
    'Error origin expired',
  ],
  [
    `${TTL}: within stale-if-error, the expired object is served`,
    afterAMinute({ 'cache-control': 'max-age=60, stale-if-error=61' }, { status: 500 }),
    'Hit pop stale age 120',
  ],
  [
    `${TTL}: stale-if-error=0 forbids stale responses on errors`,
    afterAMinute({ 'cache-control': 'max-age=60, stale-if-error=0' }, 'unreachable'),
    'Error origin expired',
  ],
  [
    `${TTL}: stale-if-error is limited by the maximum TTL`,
    afterAMinute({ 'cache-control': 'max-age=50, stale-if-error=999' }, { status: 500 }),
    'Error origin expired',
    policy({ defaultTtlSeconds: 50, maxTtlSeconds: 50 }),
  ],
  [
    `RFC 9111, 5.2.2.2: must-revalidate forbids stale responses on errors`,
    afterAMinute({ 'cache-control': 'max-age=60, must-revalidate' }, { status: 500 }),
    'Error origin expired',
  ],
  [
    `${ERRORS}: s-maxage allows stale responses on errors`,
    afterAMinute({ 'cache-control': 's-maxage=60' }, { status: 500 }),
    'Hit pop stale age 120',
  ],
  [
    `${ERRORS}: a cached error is served from the edge until it expires`,
    world((w) => [w.get('/a', { status: 404 }), w.wait(9).get('/a'), w.wait(1).get('/a')]),
    ['Error origin first-seen', 'Error pop age 9', 'Miss origin expired'],
  ],
  [
    `${ERRORS}: an uncached error is fetched again`,
    world((w) => [w.get('/a', { status: 403 }), w.get('/a')]),
    ['Error origin uncacheable', 'Miss origin first-seen'],
  ],
  [
    `${COLLAPSE}: simultaneous requests share one fetch, and the second is a hit`,
    two(hour),
    [1, 'Miss origin first-seen', 'Hit pop collapsed', 0],
  ],
  [
    `${COLLAPSE}: requests of two edge locations share one fetch of the regional edge cache`,
    two(hour, SEOUL),
    [1, 'Miss origin first-seen', 'Miss regional first-seen collapsed', 0],
  ],
  [
    `${COLLAPSE}: requests are not collapsed if the cache policy selects all cookies`,
    two(hour),
    [2, 'Miss origin first-seen', 1],
    policy({ cookies: ALL }),
  ],
  [
    `${COLLAPSE}: requests are not collapsed if the origin request policy selects all cookies`,
    two(hour),
    [2, 'Miss origin first-seen', 1],
    behavior({}, { originRequest: { headers: ALL, query: ALL, cookies: ALL } }),
  ],
  [
    `${COLLAPSE}: requests are not collapsed if caching is disabled`,
    two(hour),
    [2, 'Miss origin uncacheable', 1],
    policy({ defaultTtlSeconds: 0, maxTtlSeconds: 0 }),
  ],
  ...['private', 'no-store', 'no-cache', 'max-age=0', 's-maxage=0'].map(
    (directive): Row => [
      `${COLLAPSE}: with a minimum TTL of 0, a response with ${directive} is not shared`,
      world((w) =>
        [
          w.send('/a'),
          w.send('/a'),
          w.respond({ 'cache-control': directive }).length,
          w.open.length,
        ].slice(2),
      ),
      [1, 1],
    ],
  ),
  [
    `${COLLAPSE}: with a minimum TTL, a private response is shared`,
    two({ 'cache-control': 'private' }),
    [1, 'Miss origin first-seen', 'Hit pop collapsed', 0],
    KEEPING,
  ],
  [
    `${COLLAPSE}: an error is served to all waiting requests`,
    two({ status: 500 }),
    [1, 'Error origin first-seen', 'Error pop collapsed', 0],
  ],
  [
    `${REGIONAL}: another edge location gets the object from the regional edge cache`,
    world((w) => [w.get('/a', hour), w.wait(5).get('/a', {}, SEOUL)].at(-1)),
    'Miss regional first-seen age 5',
  ],
  [
    `${REGIONAL}: another region does not share the regional edge cache`,
    world((w) => [w.get('/a', hour), w.get('/a', hour, FRANKFURT)].at(-1)),
    'Miss origin first-seen',
  ],
  [
    `modeled: an object has the same age and expiry in all caches`,
    world((w) =>
      [
        w.get('/a', minute),
        w.wait(50).get('/a', {}, SEOUL),
        w.wait(10).get('/a', minute, SEOUL),
      ].at(-1),
    ),
    'Miss origin expired',
  ],
  [
    `${REGIONAL}: the regional edge cache can confirm an expired object of the edge location`,
    world((w) =>
      [
        w.get('/a', { ...minute, etag: '"1"' }),
        w.get('/a', {}, SEOUL),
        w.wait(60).get('/a', { status: 304 }),
        w.get('/a', {}, SEOUL),
      ].at(-1),
    ),
    'RefreshHit regional expired',
  ],
  [
    `${SHIELD}: all regions share Origin Shield`,
    world((w) =>
      [
        w.get('/a', hour, { shield: 'us-east-1' }),
        w.get('/a', {}, { ...FRANKFURT, shield: 'us-east-1' }),
      ].at(-1),
    ),
    'OriginShieldHit shield first-seen',
  ],
  [
    `${SHIELD}: the shield in the region of the regional edge cache is the same cache`,
    world((w) =>
      [
        w.get('/a', hour, { shield: 'ap-northeast-1' }),
        w.engine.stats().regional.objects,
        w.engine.stats().shield.objects,
      ].slice(1),
    ),
    [0, 1],
  ],
  [
    `${CUSTOM}, HTTP methods: POST is not cached`,
    world((w) =>
      [w.get({ url: '/a', method: 'POST' }, hour), w.get({ url: '/a', method: 'POST' }, hour)].at(
        -1,
      ),
    ),
    'Miss origin uncacheable',
  ],
  [
    `${REGIONAL}: PUT bypasses the regional edge cache`,
    world((w) =>
      [w.get({ url: '/a', method: 'PUT' }, hour), w.engine.stats().regional.objects].at(-1),
    ),
    0,
  ],
  [
    `${CUSTOM}, HTTP methods: DELETE does not invalidate the object`,
    world((w) => [w.get('/a', hour), w.get({ url: '/a', method: 'DELETE' }), w.get('/a')].at(-1)),
    'Hit pop',
  ],
  [
    `${CUSTOM}, HTTP methods: by default, OPTIONS is not cached`,
    world((w) =>
      [w.get({ url: '/a', method: 'OPTIONS' }, hour), w.get({ url: '/a', method: 'OPTIONS' })].at(
        -1,
      ),
    ),
    'Miss origin uncacheable',
  ],
  [
    `${CUSTOM}, HTTP methods: OPTIONS is cached if the behavior caches it`,
    world((w) =>
      [w.get({ url: '/a', method: 'OPTIONS' }, hour), w.get({ url: '/a', method: 'OPTIONS' })].at(
        -1,
      ),
    ),
    'Hit pop',
    behavior({}, { cachedMethods: ['GET', 'HEAD', 'OPTIONS'] }),
  ],
  [
    `${CUSTOM}, HTTP methods: the object of a GET serves HEAD`,
    world((w) => [w.get('/a', hour), w.get({ url: '/a', method: 'HEAD' })].at(-1)),
    'Hit pop',
  ],
  [
    `modeled: the object of a HEAD does not serve GET, because it has no body`,
    world((w) =>
      [
        w.get({ url: '/a', method: 'HEAD' }, hour),
        w.get({ url: '/a', method: 'HEAD' }),
        w.get('/a', hour),
      ].slice(1),
    ),
    ['Hit pop', 'Miss origin first-seen'],
  ],
  [
    `${RANGES}: the whole object serves a range`,
    world((w) => [w.get('/a', hour), w.get(header('range', 'bytes=0-9'))].at(-1)),
    'Hit pop',
  ],
  [
    `${RANGES}: a range is cached`,
    world((w) =>
      [
        w.get(header('range', 'bytes=0-9'), { status: 206, ...hour }),
        w.get(header('range', 'bytes=0-9')),
      ].at(-1),
    ),
    'Hit pop',
  ],
  [
    `${RANGES}: another range is fetched`,
    world((w) =>
      [
        w.get(header('range', 'bytes=0-9'), { status: 206, ...hour }),
        w.get(header('range', 'bytes=10-'), { status: 206 }),
      ].at(-1),
    ),
    'Miss origin first-seen',
  ],
  [
    `${RANGES}: if the origin ignores the range, the whole object is cached`,
    world((w) => [w.get(header('range', 'bytes=0-9'), hour), w.get('/a')].at(-1)),
    'Hit pop',
  ],
  [
    `${RANGES}: a range does not serve the whole object`,
    world((w) =>
      [w.get(header('range', 'bytes=0-9'), { status: 206, ...hour }), w.get('/a', hour)].at(-1),
    ),
    'Miss origin first-seen',
  ],
  [
    `${COOKIES}: Set-Cookie is cached with the object`,
    world((w) =>
      [
        w.get('/a', { ...hour, 'set-cookie': 'a=1' }),
        w.send('/a')?.response.headers['set-cookie'],
      ].at(-1),
    ),
    ['a=1'],
  ],
  [
    `${COOKIES}: Set-Cookie is removed if no cookie goes to the origin`,
    world((w) =>
      [
        w.get('/a', { ...hour, 'set-cookie': 'a=1' }),
        w.send('/a')?.response.headers['set-cookie'],
      ].at(-1),
    ),
    undefined,
    behavior(
      {},
      { originRequest: { headers: ALL, query: ALL, cookies: { kind: 'none', names: [] } } },
    ),
  ],
  [
    `RFC 9111, 3.1: hop-by-hop fields are not stored`,
    world((w) =>
      [
        w.get('/a', {
          ...hour,
          connection: 'b',
          b: '1',
          c: '1',
          'keep-alive': '1',
          te: '1',
          upgrade: '1',
        }),
        w.send('/a')?.response.headers,
      ].at(-1),
    ),
    fieldsOf({ ...hour, c: '1' }),
  ],
  [
    `${TTL}: the least recently used object is evicted`,
    world((w) =>
      [
        ...['/a', '/b', '/a', '/c'].map((url) => w.get(url, { ...hour, bytes: 1000 })),
        w.get('/a'),
        w.get('/b'),
      ].slice(-2),
    ),
    ['Hit pop', 'Miss regional evicted'],
  ],
  [
    `${TTL}: an evicted object counts as expired after its lifetime`,
    world((w) =>
      [...['/a', '/b', '/c'].map((url) => w.get(url, minute)), w.wait(60).get('/a')].at(-1),
    ),
    'Miss origin expired',
  ],
  [
    `${HEADERS}: a miss counts as varied if another version of the URL is cached`,
    world((w) => [w.get(header('accept', 'a'), hour), w.get(header('accept', 'b'), hour)].at(-1)),
    'Miss origin varied',
    policy({ headers: only('accept') }),
  ],
  [
    `${COLLAPSE}: background refreshes are collapsed even if all cookies go to the origin`,
    world((w) => [w.get('/a', swr), w.wait(70).send('/a'), w.send('/a'), w.open.length].at(-1)),
    1,
    policy({ cookies: ALL }),
  ],
  [
    `${TTL}: serving an object in place of an error counts as use`,
    world((w) =>
      [
        w.get('/a', minute),
        w.get('/b', hour),
        w.wait(60).get('/a', { status: 503 }),
        w.get('/c', hour),
        w.get('/b'),
      ].at(-1),
    ),
    'Miss regional evicted age 60',
  ],
  [
    'modeled: an eviction is forgotten when the object is cached again',
    world((w) =>
      [
        ...['/a', '/b', '/c', '/a'].map((url) => w.get(url, minute)),
        w.wait(60).get('/a', { 'cache-control': 'no-store' }),
        w.get('/a'),
      ].at(-1),
    ),
    'Miss origin first-seen',
  ],
];

const INVALIDATION = 'Invalidate files to remove content';

const invalidated = (urls: string[], pattern: string): Row[1] =>
  world((w) => {
    for (const url of urls) w.get(url, { ...hour, bytes: 0 });
    w.engine.invalidate(pattern, NOW);
    return urls.map((url) => (w.send(url) === undefined ? 'removed' : 'kept'));
  });
const QUERIED = policy({ query: ALL });

const INVALIDATION_ROWS: Row[] = [
  [
    `${INVALIDATION}: a path invalidates one object`,
    invalidated(['/a', '/b'], '/a'),
    ['removed', 'kept'],
  ],
  [`${INVALIDATION}: the leading slash is optional`, invalidated(['/a'], 'a'), ['removed']],
  [
    `${INVALIDATION}: a wildcard invalidates all objects below a directory`,
    invalidated(['/a/b', '/a/c/d', '/ab'], '/a/*'),
    ['removed', 'removed', 'kept'],
  ],
  [
    `${INVALIDATION}: /* invalidates all objects`,
    invalidated(['/a', '/b'], '/*'),
    ['removed', 'removed'],
  ],
  [
    `${INVALIDATION}: * is literal except at the end`,
    invalidated(['/a/x/c', '/a/*/c'], '/a/*/c'),
    ['kept', 'removed'],
  ],
  [
    `${INVALIDATION}: paths are case-sensitive`,
    invalidated(['/a', '/A'], '/A'),
    ['kept', 'removed'],
  ],
  [
    `${INVALIDATION}: a path without a query does not invalidate a query`,
    invalidated(['/a?x=1', '/a'], '/a'),
    ['kept', 'removed'],
    QUERIED,
  ],
  [
    `${INVALIDATION}: a path with a query invalidates that query only`,
    invalidated(['/a?x=1', '/a?x=2'], '/a?x=1'),
    ['removed', 'kept'],
    QUERIED,
  ],
  [
    `${INVALIDATION}: a wildcard invalidates all queries`,
    invalidated(['/a?x=1', '/a'], '/a*'),
    ['removed', 'removed'],
    QUERIED,
  ],
  [
    `${INVALIDATION}: a path invalidates all versions by header`,
    world((w) =>
      [
        w.get(header('accept', 'a'), hour),
        w.get(header('accept', 'b'), hour),
        w.engine.invalidate('/a', NOW),
      ].at(-1),
    ),
    4,
    policy({ headers: only('accept') }),
  ],
  [
    `${INVALIDATION}: an invalidation applies to all caches`,
    world((w) =>
      [w.get('/a', hour), w.engine.invalidate('/a', NOW), w.get('/a', hour, SEOUL)].slice(1),
    ),
    [2, 'Miss origin first-seen'],
  ],
  [
    `${INVALIDATION}: the next miss counts as invalidated`,
    world((w) => [w.get('/a', hour), w.engine.invalidate('/a', NOW), w.get('/a', hour)].at(-1)),
    'Miss origin invalidated',
  ],
  [
    'modeled: a response fetched during an invalidation is served but not stored',
    world((w) => [
      w.send('/a'),
      w.engine.invalidate('/a', NOW),
      w.respond(hour).length,
      w.send('/a'),
    ]),
    [undefined, 0, 1, undefined],
  ],
];

const BODY = new TextEncoder().encode('0123456789');
const toViewer = (
  one: Omit<RequestSpec, 'url'>,
  fields: Record<string, string> = {},
  servedBy: ServedResponse['servedBy'] = 'pop',
): Row[1] => {
  const response: HttpResponse = {
    status: 200,
    headers: fieldsOf({ etag: '"1"', 'last-modified': date(0), 'content-length': '10', ...fields }),
    bodyBytes: 10,
    body: BODY,
  };
  return () => {
    const { status, bodyBytes, body, headers } = viewerResponse(requestOf({ url: '/a', ...one }), {
      response,
      servedBy,
      ageSeconds: servedBy === 'origin' ? 0 : 7,
    });
    return [
      status,
      bodyBytes,
      body && new TextDecoder().decode(body),
      headers['content-range']?.[0] ?? headers.age?.[0],
    ];
  };
};
const when = (headers: Record<string, string>, fields?: Record<string, string>) =>
  toViewer({ headers }, fields);
const range = (bytes: string, ifRange?: string) =>
  when({ range: `bytes=${bytes}`, ...(ifRange && { 'if-range': ifRange }) });
/** Status, bytes, body, and Content-Range or Age. */
const part = (from: number, to: number) => [
  206,
  to - from + 1,
  '0123456789'.slice(from, to + 1),
  `bytes ${from}-${to}/10`,
];
const WHOLE = [200, 10, '0123456789', '7'];
const UNCHANGED = [304, 0, undefined, '7'];

const VIEWER_ROWS: Row[] = [
  ['RFC 9111, 5.1: a cached response has Age', when({}), WHOLE],
  [
    'RFC 9111, 5.1: a new response has no Age',
    toViewer({}, {}, 'origin'),
    [200, 10, '0123456789', undefined],
  ],
  ['RFC 9110, 9.3.2: HEAD gets no body', toViewer({ method: 'HEAD' }), [200, 0, undefined, '7']],
  [
    'RFC 9110, 13.1.2: a matching If-None-Match gets a 304',
    when({ 'if-none-match': '"0", "1"' }),
    UNCHANGED,
  ],
  [
    'RFC 9110, 13.1.2: another If-None-Match gets the object',
    when({ 'if-none-match': '"2"' }),
    WHOLE,
  ],
  [
    'RFC 9110, 13.1.2: If-None-Match compares weakly',
    when({ 'if-none-match': 'W/"1"' }),
    UNCHANGED,
  ],
  ['RFC 9110, 13.1.2: If-None-Match of * gets a 304', when({ 'if-none-match': '*' }), UNCHANGED],
  [
    'RFC 9110, 13.1.3: If-Modified-Since gets a 304 for an unmodified object',
    when({ 'if-modified-since': date(0) }),
    UNCHANGED,
  ],
  [
    'RFC 9110, 13.1.3: If-Modified-Since gets a modified object',
    when({ 'if-modified-since': date(-1) }),
    WHOLE,
  ],
  [
    'RFC 9110, 13.1.3: an invalid date in If-Modified-Since is ignored',
    when({ 'if-modified-since': 'tomorrow' }),
    WHOLE,
  ],
  [
    'RFC 9110, 13.2.2: If-None-Match overrides If-Modified-Since',
    when({ 'if-none-match': '"2"', 'if-modified-since': date(0) }),
    WHOLE,
  ],
  [`${RANGES}: a range gets a partial response`, range('2-4'), part(2, 4)],
  ['RFC 9110, 14.1.2: an open range ends at the end', range('7-'), part(7, 9)],
  ['RFC 9110, 14.1.2: a suffix range gets the last bytes', range('-2'), part(8, 9)],
  ['RFC 9110, 14.1.2: a range past the end is cut there', range('8-99'), part(8, 9)],
  [
    'RFC 9110, 15.5.17: a range after the end gets a 416',
    range('10-'),
    [416, 0, undefined, 'bytes */10'],
  ],
  [`${RANGES}: an invalid range gets the whole object`, range('4-2'), WHOLE],
  [`${RANGES}: a range in another unit gets the whole object`, when({ range: 'lines=0-1' }), WHOLE],
  ['RFC 9110, 13.1.5: a matching If-Range gets the range', range('0-0', '"1"'), part(0, 0)],
  ['RFC 9110, 13.1.5: another If-Range gets the whole object', range('0-0', '"2"'), WHOLE],
  [
    'RFC 9110, 13.1.5: If-Range compares strongly',
    when({ range: 'bytes=0-0', 'if-range': 'W/"1"' }, { etag: 'W/"1"' }),
    WHOLE,
  ],
  ['RFC 9110, 13.1.5: a date in If-Range must be equal', range('0-0', date(0)), part(0, 0)],
  [
    'RFC 9110, 14.2: a range applies to GET only',
    toViewer({ method: 'HEAD', headers: { range: 'bytes=0-0' } }),
    [200, 0, undefined, '7'],
  ],
];

const ROWS = [...KEY_ROWS, ...TTL_ROWS, ...CACHE_ROWS, ...INVALIDATION_ROWS, ...VIEWER_ROWS];

for (const [rule, run, expected, given = behavior()] of ROWS) {
  test(rule, () => {
    expect(run(given)).toEqual(expected);
  });
}
