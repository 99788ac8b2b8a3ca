/**
 * CloudFront's rules, one a row, each with the page of the Amazon CloudFront developer guide that
 * it is from. Rows marked RFC fill what the guide leaves open; rows marked `modelled` are neither.
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

interface Row {
  readonly rule: string;
  /** What differs from a behavior with TTLs of 0, a day and a year, and nothing in the key. */
  readonly given?: BehaviorModel;
  readonly when: (given: BehaviorModel) => unknown;
  readonly expected: unknown;
}

const NOW = Date.parse('Sat, 27 Jun 2015 12:00:00 GMT');
const date = (seconds: number) => new Date(NOW + seconds * 1000).toUTCString();
const KEEPING = behavior({ minTtlSeconds: 60, defaultTtlSeconds: 600, maxTtlSeconds: 3600 });
const CAPPED = behavior({ defaultTtlSeconds: 600, maxTtlSeconds: 3600 });

/** Seconds for which an answer is kept, or `no`. */
function kept(
  fields: Record<string, string | string[]>,
  status = 200,
  minimums: Record<number, number> = {},
): Row['when'] {
  const headers = fieldsOf(fields);
  return ({ cachePolicy }) => {
    const { storable, expiresMs } = freshness(status, headers, headers, cachePolicy, minimums, NOW);
    return storable ? (expiresMs - NOW) / 1000 : 'no';
  };
}

function fieldsOf(fields: Record<string, string | readonly string[]>): HeaderFields {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, [value].flat()]));
}

type Asked = Partial<Omit<HttpRequest, 'headers'>> & {
  url: string;
  headers?: Record<string, string>;
};
const asked = ({ url, headers = {}, ...rest }: Asked) =>
  httpRequest(url, { ...rest, headers: fieldsOf(headers) });

/** Whether two requests are for one object. */
function alike(first: Asked | string, second: Asked | string): Row['when'] {
  const key = (one: Asked | string, given: BehaviorModel) =>
    cacheKey(given, asked(typeof one === 'string' ? { url: one } : one)).key;
  return (given) => key(first, given) === key(second, given);
}

type Origin =
  | 'unreachable'
  | ({ status?: number; bytes?: number } & Record<string, string | number>);

/** Caches, a clock that is moved by hand, and an origin that answers when it is told to. */
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

  ask(
    one: Asked | string,
    place: { pop?: string; regional?: string; shield?: string } = {},
  ): ServedResponse | undefined {
    const request = asked(typeof one === 'string' ? { url: one } : one);
    const { served, fetch } = this.engine.request(
      keyed(++this.id, this.of, request, place),
      this.nowMs,
    );
    if (fetch) this.open.push(fetch);
    return served;
  }

  respond(origin: Origin = {}): readonly ServedResponse[] {
    const fetch = this.open.shift();
    if (fetch === undefined) throw new Error('nothing was asked of the origin');
    const { served, fetches } = this.engine.receive(
      fetch.id,
      origin === 'unreachable' ? origin : responseOf(origin),
      this.nowMs,
    );
    this.open.push(...fetches);
    return served;
  }

  /** What became of a request whose fetch, if any, is answered at once. */
  get(
    one: Asked | string,
    origin: Origin = {},
    place: { pop?: string; regional?: string; shield?: string } = {},
  ): string {
    const served = this.ask(one, place);
    if (served !== undefined) return told(served);
    return this.respond(origin).map(told).join(' + ');
  }
}

function responseOf({
  status = 200,
  bytes = 1000,
  ...fields
}: Exclude<Origin, string>): HttpResponse {
  return { status, headers: fieldsOf(fields as Record<string, string>), bodyBytes: bytes };
}

function told({ result, servedBy, reason, stale, collapsed, ageSeconds }: ServedResponse): string {
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
  (run: (w: World) => unknown): Row['when'] =>
  (given) =>
    run(new World(given));
/** Kept for a minute, asked again after two, when the origin answers so. */
const afterAMinute = (fields: Record<string, string>, origin: Origin) =>
  world((w) => [w.get('/a', fields), w.wait(120).get('/a', origin)].at(-1));

const KEY = 'Understand the cache key';
const QUERY = 'Cache content based on query string parameters';
const HEADERS = 'Cache content based on request headers';
const COOKIES = 'Cache content based on cookies';
const ENCODING = 'Understand cache policies, compressed objects';
const TTL = 'Manage how long content stays in the cache (expiration)';
const ERRORS = 'How CloudFront processes HTTP 4xx and 5xx status codes';
const REDIRECTS = 'How CloudFront processes HTTP 3xx status codes';
const CUSTOM = 'Request and response behavior for custom origins';
const RANGES = 'How CloudFront processes partial requests (range GETs)';
const SHIELD = 'Use Amazon CloudFront Origin Shield';
const REGIONAL = 'How CloudFront works with regional edge caches';
const INVALIDATION = 'Invalidate files to remove content';

const policy = (of: Partial<CachePolicyModel>) => behavior(of);
const header = (name: string, value: string, url = '/a'): Asked => ({
  url,
  headers: { [name]: value },
});
const encodings = (value: string) => (given: BehaviorModel) => {
  const { key, urlKey } = cacheKey(given, asked(header('accept-encoding', value)));
  return key.slice(urlKey.length).split('=')[1];
};
const BOTH = policy({ gzip: true, brotli: true });

const KEY_ROWS: Row[] = [
  {
    rule: `${KEY}: the host is in it`,
    when: alike({ url: '/a', host: 'x.example' }, { url: '/a', host: 'y.example' }),
    expected: false,
  },
  { rule: `${KEY}: so is the path`, when: alike('/a', '/b'), expected: false },
  { rule: `${KEY}: the path by its bytes`, when: alike('/a%2Fb', '/a/b'), expected: false },
  { rule: `${KEY}: and by its case`, when: alike('/a', '/A'), expected: false },
  { rule: `${KEY}: a path may end in a slash`, when: alike('/a', '/a/'), expected: false },
  {
    rule: `${QUERY}: by default it is no part of the key`,
    when: alike('/a?x=1', '/a?x=2'),
    expected: true,
  },
  {
    rule: `${QUERY}: with all, values tell objects apart`,
    given: policy({ query: ALL }),
    when: alike('/a?x=1', '/a?x=2'),
    expected: false,
  },
  {
    rule: `${QUERY}: order tells objects apart`,
    given: policy({ query: ALL }),
    when: alike('/a?x=1&y=2', '/a?y=2&x=1'),
    expected: false,
  },
  {
    rule: `${QUERY}: case of names does`,
    given: policy({ query: ALL }),
    when: alike('/a?x=1', '/a?X=1'),
    expected: false,
  },
  {
    rule: `${QUERY}: case of values does`,
    given: policy({ query: ALL }),
    when: alike('/a?x=b', '/a?x=B'),
    expected: false,
  },
  {
    rule: `${QUERY}: some: others are left out`,
    given: policy({ query: only('x') }),
    when: alike('/a?x=1&u=1', '/a?u=2&x=1'),
    expected: true,
  },
  {
    rule: `${QUERY}: some: the listed one counts`,
    given: policy({ query: only('x') }),
    when: alike('/a?x=1', '/a?x=2'),
    expected: false,
  },
  {
    rule: `${QUERY}: some: their order counts`,
    given: policy({ query: only('x', 'y') }),
    when: alike('/a?x=1&y=1', '/a?y=1&x=1'),
    expected: false,
  },
  {
    rule: `${QUERY}: some: names by their case`,
    given: policy({ query: only('x') }),
    when: alike('/a?X=1', '/a?X=2'),
    expected: true,
  },
  {
    rule: `${QUERY}: all except: the listed one does not count`,
    given: policy({ query: { kind: 'all-except', names: ['u'] } }),
    when: alike('/a?x=1&u=1', '/a?x=1&u=2'),
    expected: true,
  },
  {
    rule: `${QUERY}: all except: others do`,
    given: policy({ query: { kind: 'all-except', names: ['u'] } }),
    when: alike('/a?x=1&u=1', '/a?x=2&u=1'),
    expected: false,
  },
  {
    rule: `${QUERY}: only & separates`,
    given: policy({ query: only('x') }),
    when: alike('/a?x=1;u=1', '/a?x=1;u=2'),
    expected: false,
  },
  {
    rule: `${QUERY}: flag is not flag=`,
    given: policy({ query: ALL }),
    when: alike('/a?flag', '/a?flag='),
    expected: false,
  },
  {
    rule: `${QUERY}: some: flag is not flag= either`,
    given: policy({ query: only('flag') }),
    when: alike('/a?flag', '/a?flag='),
    expected: false,
  },
  {
    rule: `${QUERY}: nothing is decoded`,
    given: policy({ query: ALL }),
    when: alike('/a?x=%20', '/a?x=+'),
    expected: false,
  },
  {
    rule: `${QUERY}: a parameter may come twice`,
    given: policy({ query: only('x') }),
    when: alike('/a?x=1&x=2', '/a?x=1'),
    expected: false,
  },
  {
    rule: `${HEADERS}: by default none counts`,
    when: alike(header('accept', 'a'), header('accept', 'b')),
    expected: true,
  },
  {
    rule: `${HEADERS}: a listed one counts by its value`,
    given: policy({ headers: only('accept') }),
    when: alike(header('accept', 'a'), header('accept', 'b')),
    expected: false,
  },
  {
    rule: `${HEADERS}: by the case of its value`,
    given: policy({ headers: only('accept') }),
    when: alike(header('accept', 'a'), header('accept', 'A')),
    expected: false,
  },
  {
    rule: `${HEADERS}: empty is not absent`,
    given: policy({ headers: only('accept') }),
    when: alike(header('accept', ''), '/a'),
    expected: false,
  },
  {
    rule: `${HEADERS}: others do not count`,
    given: policy({ headers: only('accept') }),
    when: alike(header('dnt', '1'), '/a'),
    expected: true,
  },
  {
    rule: `${HEADERS}: Authorization counts where it is listed`,
    given: policy({ headers: only('authorization') }),
    when: alike(header('authorization', 'a'), header('authorization', 'b')),
    expected: false,
  },
  {
    rule: `${CUSTOM}: else Authorization is removed, and viewers share`,
    when: alike(header('authorization', 'a'), header('authorization', 'b')),
    expected: true,
  },
  {
    rule: `${COOKIES}: by default none counts`,
    when: alike(header('cookie', 'a=1'), header('cookie', 'a=2')),
    expected: true,
  },
  {
    rule: `${COOKIES}: listed ones do`,
    given: policy({ cookies: only('a') }),
    when: alike(header('cookie', 'a=1'), header('cookie', 'a=2')),
    expected: false,
  },
  {
    rule: `${COOKIES}: others do not`,
    given: policy({ cookies: only('a') }),
    when: alike(header('cookie', 'a=1; b=1'), header('cookie', 'b=2; a=1')),
    expected: true,
  },
  {
    rule: `${COOKIES}: names by their case`,
    given: policy({ cookies: only('a') }),
    when: alike(header('cookie', 'A=1'), header('cookie', 'A=2')),
    expected: true,
  },
  {
    rule: `${COOKIES}: all except`,
    given: policy({ cookies: { kind: 'all-except', names: ['b'] } }),
    when: alike(header('cookie', 'a=1; b=1'), header('cookie', 'a=1; b=2')),
    expected: true,
  },
  {
    rule: `${COOKIES}: all`,
    given: policy({ cookies: ALL }),
    when: alike(header('cookie', 'a=1'), header('cookie', 'a=1; b=2')),
    expected: false,
  },
  {
    rule: `${ENCODING}: both`,
    given: BOTH,
    when: encodings('gzip, deflate, br'),
    expected: 'br,gzip',
  },
  {
    rule: `${ENCODING}: gzip`,
    given: BOTH,
    when: encodings('gzip;q=0.5, deflate'),
    expected: 'gzip',
  },
  { rule: `${ENCODING}: br`, given: BOTH, when: encodings('br'), expected: 'br' },
  { rule: `${ENCODING}: neither`, given: BOTH, when: encodings('deflate'), expected: undefined },
  {
    rule: `${ENCODING}: gzip alone where only it is enabled`,
    given: policy({ gzip: true }),
    when: encodings('br, gzip'),
    expected: 'gzip',
  },
  {
    rule: `${ENCODING}: not where none is enabled`,
    when: encodings('br, gzip'),
    expected: undefined,
  },
  {
    rule: `RFC 9110, 12.4.2: a weight of 0 is a refusal`,
    given: BOTH,
    when: encodings('br;q=0, gzip'),
    expected: 'gzip',
  },
  {
    rule: `RFC 9110, 8.4.1: codings in any case`,
    given: BOTH,
    when: encodings('GZIP, BR'),
    expected: 'br,gzip',
  },
  {
    rule: `${CUSTOM}: GET and HEAD share an object`,
    when: alike('/a', { url: '/a', method: 'HEAD' }),
    expected: true,
  },
  {
    rule: `${CUSTOM}: OPTIONS has its own`,
    when: alike('/a', { url: '/a', method: 'OPTIONS' }),
    expected: false,
  },
];

const cc = (value: string, more: Record<string, string> = {}) =>
  kept({ 'cache-control': value, ...more });

const TTL_ROWS: Row[] = [
  { rule: `${TTL}: no header: the default TTL`, given: CAPPED, when: kept({}), expected: 600 },
  {
    rule: `${TTL}: no header: not less than the minimum`,
    given: policy({ minTtlSeconds: 700, defaultTtlSeconds: 600, maxTtlSeconds: 800 }),
    when: kept({}),
    expected: 700,
  },
  { rule: `${TTL}: max-age, minimum 0`, given: CAPPED, when: cc('max-age=100'), expected: 100 },
  {
    rule: `${TTL}: max-age, minimum 0: at most the maximum`,
    given: CAPPED,
    when: cc('max-age=9999'),
    expected: 3600,
  },
  {
    rule: `${TTL}: max-age, minimum above 0: at least the minimum`,
    given: KEEPING,
    when: cc('max-age=10'),
    expected: 60,
  },
  {
    rule: `${TTL}: max-age, minimum above 0: between both`,
    given: KEEPING,
    when: cc('max-age=100'),
    expected: 100,
  },
  {
    rule: `${TTL}: max-age, minimum above 0: at most the maximum`,
    given: KEEPING,
    when: cc('max-age=9999'),
    expected: 3600,
  },
  {
    rule: `${TTL}: s-maxage before max-age`,
    given: CAPPED,
    when: cc('max-age=100, s-maxage=200'),
    expected: 200,
  },
  {
    rule: `${TTL}: s-maxage, also when it is the shorter`,
    given: CAPPED,
    when: cc('s-maxage=50, max-age=100'),
    expected: 50,
  },
  {
    rule: `${TTL}: s-maxage: at most the maximum`,
    given: CAPPED,
    when: cc('s-maxage=9999'),
    expected: 3600,
  },
  {
    rule: `${TTL}: s-maxage, minimum above 0: at least the minimum`,
    given: KEEPING,
    when: cc('s-maxage=1, max-age=500'),
    expected: 60,
  },
  { rule: `${TTL}: Expires`, given: CAPPED, when: kept({ expires: date(200) }), expected: 200 },
  {
    rule: `${TTL}: Expires: at most the maximum`,
    given: CAPPED,
    when: kept({ expires: date(9999) }),
    expected: 3600,
  },
  {
    rule: `${TTL}: Expires, minimum above 0: at least the minimum`,
    given: KEEPING,
    when: kept({ expires: date(5) }),
    expected: 60,
  },
  {
    rule: `${TTL}: max-age before Expires`,
    given: CAPPED,
    when: cc('max-age=100', { expires: date(300) }),
    expected: 100,
  },
  {
    rule: `${TTL}: Expires is a date, whatever Date says`,
    given: CAPPED,
    when: kept({ expires: date(200), date: date(-100) }),
    expected: 200,
  },
  {
    rule: `${TTL}: no-store, minimum 0`,
    given: CAPPED,
    when: cc('no-store, max-age=100'),
    expected: 'no',
  },
  {
    rule: `${TTL}: private, minimum 0`,
    given: CAPPED,
    when: cc('private, max-age=100'),
    expected: 'no',
  },
  {
    rule: `${TTL}: no-cache, minimum 0`,
    given: CAPPED,
    when: cc('no-cache, max-age=100'),
    expected: 'no',
  },
  {
    rule: `RFC 9111, 5.2.2.4: no-cache: kept to be revalidated`,
    given: CAPPED,
    when: cc('no-cache, max-age=100', { etag: '"1"' }),
    expected: 0,
  },
  {
    rule: `${TTL}: no-store, minimum above 0: the minimum`,
    given: KEEPING,
    when: cc('no-store'),
    expected: 60,
  },
  {
    rule: `${TTL}: private, minimum above 0: the minimum`,
    given: KEEPING,
    when: cc('private, max-age=500'),
    expected: 60,
  },
  {
    rule: `${TTL}: no-cache, minimum above 0: the minimum`,
    given: KEEPING,
    when: cc('no-cache'),
    expected: 60,
  },
  { rule: `${TTL}: max-age=0, minimum 0`, given: CAPPED, when: cc('max-age=0'), expected: 0 },
  { rule: `${TTL}: public alone says no time`, given: CAPPED, when: cc('public'), expected: 600 },
  {
    rule: `RFC 9111, 5.1: Age is subtracted`,
    given: CAPPED,
    when: cc('max-age=100', { age: '30' }),
    expected: 70,
  },
  {
    rule: `RFC 9111, 5.1: older than its time is stale`,
    given: CAPPED,
    when: cc('max-age=100', { age: '130' }),
    expected: 0,
  },
  {
    rule: `${TTL}: the minimum holds in CloudFront, whatever Age says`,
    given: KEEPING,
    when: cc('max-age=100', { age: '90' }),
    expected: 60,
  },
  {
    rule: `${TTL}: the default TTL is for CloudFront, whatever Age says`,
    given: CAPPED,
    when: kept({ age: '90' }),
    expected: 600,
  },
  {
    rule: `RFC 9111, 4.2.3: Date shows an age too`,
    given: CAPPED,
    when: cc('max-age=100', { date: date(-40) }),
    expected: 60,
  },
  {
    rule: `RFC 9111, 4.2.3: a date to come shows none`,
    given: CAPPED,
    when: cc('max-age=100', { date: date(40) }),
    expected: 100,
  },
  {
    rule: `RFC 9111, 5.1: of several Age fields, the first`,
    given: CAPPED,
    when: kept({ ...{ 'cache-control': 'max-age=100' }, age: ['10', '90'] }),
    expected: 90,
  },
  {
    rule: `RFC 9111, 5.1: of an Age with commas, the first`,
    given: CAPPED,
    when: cc('max-age=100', { age: '20, 0' }),
    expected: 80,
  },
  {
    rule: `RFC 9111, 5.1: a negative Age is ignored`,
    given: CAPPED,
    when: cc('max-age=100', { age: '-50' }),
    expected: 100,
  },
  {
    rule: `RFC 9111, 5.1: an Age with a fraction is ignored`,
    given: CAPPED,
    when: cc('max-age=100', { age: '50.0' }),
    expected: 100,
  },
  {
    rule: `RFC 9111, 1.2.2: an Age beyond 31 bits is as old as can be`,
    given: CAPPED,
    when: cc('max-age=3600', { age: '99999999999' }),
    expected: 0,
  },
  {
    rule: `RFC 9111, 1.2.2: a max-age beyond 31 bits is long`,
    given: CAPPED,
    when: cc('max-age=99999999999999999999'),
    expected: 3600,
  },
  {
    rule: `RFC 9111, 5.2: directives in any case`,
    given: CAPPED,
    when: cc('MAX-AGE=100'),
    expected: 100,
  },
  {
    rule: `RFC 9111, 5.2: an argument may be quoted`,
    given: CAPPED,
    when: cc('max-age="100"'),
    expected: 100,
  },
  {
    rule: `RFC 9111, 5.2: what is quoted is no directive`,
    given: CAPPED,
    when: cc('ext="no-store, max-age=1", max-age=100'),
    expected: 100,
  },
  {
    rule: `RFC 9111, 4.2.1: of two max-age, the first`,
    given: CAPPED,
    when: cc('max-age=100, max-age=5'),
    expected: 100,
  },
  {
    rule: `RFC 9111, 4.2.1: on two lines too`,
    given: CAPPED,
    when: kept({ 'cache-control': ['max-age=5', 'max-age=100'] }),
    expected: 5,
  },
  {
    rule: `RFC 9111, 4.2.1: a max-age that is no number is stale`,
    given: CAPPED,
    when: cc("max-age='100'"),
    expected: 0,
  },
  {
    rule: `RFC 9111, 4.2.1: a negative one is too`,
    given: CAPPED,
    when: cc('max-age=-5'),
    expected: 0,
  },
  {
    rule: `RFC 9111, 5.3: an Expires of 0 is past`,
    given: CAPPED,
    when: kept({ expires: '0' }),
    expected: 0,
  },
  {
    rule: `RFC 9111, 5.3: so is one of another time zone`,
    given: CAPPED,
    when: kept({ expires: 'Sat, 27 Jun 2015 13:00:00 AEST' }),
    expected: 0,
  },
  {
    rule: `RFC 9111, 5.3: so is one with a short year`,
    given: CAPPED,
    when: kept({ expires: 'Saturday, 27-Jun-15 13:00:00 GMT' }),
    expected: 0,
  },
  {
    rule: `RFC 9111, 5.3: so are two`,
    given: CAPPED,
    when: kept({ expires: [date(100), date(200)] }),
    expected: 0,
  },
  { rule: `${REDIRECTS}: 301 as any other`, given: CAPPED, when: kept({}, 301), expected: 600 },
  { rule: `${REDIRECTS}: 302 as any other`, given: CAPPED, when: kept(minute, 302), expected: 60 },
  {
    rule: `${REDIRECTS}: 307 not without Cache-Control`,
    given: CAPPED,
    when: kept({ expires: date(100) }, 307),
    expected: 'no',
  },
  { rule: `${REDIRECTS}: 307 with it`, given: CAPPED, when: kept(minute, 307), expected: 60 },
  {
    rule: `${REDIRECTS}: 308 not without Cache-Control`,
    given: CAPPED,
    when: kept({}, 308),
    expected: 'no',
  },
  ...[404, 414, 500, 501, 502, 503, 504].map((status) => ({
    rule: `${ERRORS}: ${status} is always cached`,
    when: kept({}, status),
    expected: 10,
  })),
  ...[400, 403, 405, 412, 415].flatMap((status) => [
    {
      rule: `${ERRORS}: ${status} is not cached without a header`,
      when: kept({ expires: date(100) }, status),
      expected: 'no',
    },
    {
      rule: `${ERRORS}: ${status} is cached with max-age`,
      when: kept(minute, status),
      expected: 60,
    },
  ]),
  {
    rule: `${ERRORS}: with s-maxage too`,
    when: kept({ 'cache-control': 's-maxage=40, max-age=20' }, 403),
    expected: 40,
  },
  {
    rule: `${ERRORS}: the greater of the minimum and max-age`,
    when: kept({ 'cache-control': 'max-age=5' }, 404),
    expected: 10,
  },
  {
    rule: `${ERRORS}: the minimum of the distribution, by status`,
    when: kept({}, 503, { 503: 90 }),
    expected: 90,
  },
  { rule: `${ERRORS}: which may be 0`, when: kept({}, 404, { 404: 0 }), expected: 0 },
  {
    rule: `${ERRORS}: and is not that of another status`,
    when: kept({}, 404, { 503: 90 }),
    expected: 10,
  },
  { rule: `${ERRORS}: 410 is not listed`, when: kept(hour, 410), expected: 'no' },
  { rule: `${ERRORS}: 429 is not listed`, when: kept(hour, 429), expected: 'no' },
  {
    rule: `${CUSTOM}, content negotiation: Vary: * is fetched each time`,
    given: CAPPED,
    when: cc('max-age=100', { vary: '*' }),
    expected: 0,
  },
  {
    rule: `${CUSTOM}, content negotiation: but not with a minimum TTL`,
    given: KEEPING,
    when: cc('max-age=100', { vary: '*' }),
    expected: 100,
  },
  {
    rule: `${HEADERS}: another Vary changes nothing`,
    given: CAPPED,
    when: cc('max-age=100', { vary: 'accept' }),
    expected: 100,
  },
];

const COLLAPSE = `${CUSTOM}, request collapsing`;
const two = (origin: Origin, place = {}) =>
  world((w) => {
    w.ask('/a');
    w.ask('/a', place);
    const fetches = w.open.length;
    return [fetches, ...w.respond(origin).map(told), w.open.length];
  });
const swr = { 'cache-control': 'max-age=60, stale-while-revalidate=100' };
const FRANKFURT = { pop: 'FRA', regional: 'eu-central-1' };
const SEOUL = { pop: 'ICN' };

const CACHE_ROWS: Row[] = [
  {
    rule: `${TTL}: served from the edge until it expires`,
    when: world((w) => [w.get('/a', minute), w.wait(59).get('/a')]),
    expected: ['Miss origin first-seen', 'Hit pop age 59'],
  },
  {
    rule: `${TTL}: and no longer`,
    when: afterAMinute(minute, minute),
    expected: 'Miss origin expired',
  },
  {
    rule: `${TTL}: an expired object is asked about`,
    when: world((w) => [
      w.get('/a', { ...minute, etag: '"1"' }),
      w.wait(60).ask('/a'),
      w.open[0]?.validators,
    ]),
    expected: ['Miss origin first-seen', undefined, { etag: '"1"' }],
  },
  {
    rule: `${CUSTOM}, conditional requests: by its date too`,
    when: world((w) =>
      [
        w.get('/a', { ...minute, 'last-modified': date(-9) }),
        w.wait(60).ask('/a'),
        w.open[0]?.validators,
      ].at(-1),
    ),
    expected: { lastModified: date(-9) },
  },
  {
    rule: `${CUSTOM}, content negotiation: without conditions for Vary: *`,
    when: world((w) =>
      [w.get('/a', { vary: '*', etag: '"1"' }), w.ask('/a'), w.open[0]?.validators].at(-1),
    ),
    expected: undefined,
  },
  {
    rule: `${TTL}: 304: it has the latest version`,
    when: afterAMinute({ ...minute, etag: '"1"' }, { status: 304 }),
    expected: 'RefreshHit origin expired',
  },
  {
    rule: `RFC 9111, 4.3.4: a 304 gives it a new time`,
    when: world((w) =>
      [
        w.get('/a', { ...minute, etag: '"1"' }),
        w.wait(60).get('/a', { status: 304 }),
        w.wait(59).get('/a'),
      ].at(-1),
    ),
    expected: 'Hit pop age 59',
  },
  {
    rule: `RFC 9111, 3.2: a 304 changes its fields, but not its length`,
    when: world((w) =>
      [
        w.get('/a', { ...minute, etag: '"1"', x: '1', y: '1', 'content-length': '9' }),
        w.wait(60).get('/a', { status: 304, x: '2', 'content-length': '0' }),
        w.ask('/a')?.response.headers,
      ].at(-1),
    ),
    expected: fieldsOf({ ...minute, etag: '"1"', x: '2', y: '1', 'content-length': '9' }),
  },
  {
    rule: `${TTL}: 200: it is replaced`,
    when: world((w) =>
      [
        w.get('/a', { ...minute, etag: '"1"' }),
        w.wait(60).get('/a', { ...minute, etag: '"2"' }),
        w.ask('/a')?.response.headers.etag,
      ].at(-1),
    ),
    expected: ['"2"'],
  },
  {
    rule: `${TTL}: no-store takes the place of what was kept`,
    when: world((w) => [
      w.get('/a', minute),
      w.wait(60).get('/a', { 'cache-control': 'no-store' }),
      w.get('/a'),
    ]),
    expected: ['Miss origin first-seen', 'Miss origin uncacheable', 'Miss origin first-seen'],
  },
  {
    rule: `${TTL}: viewers' Cache-Control is ignored`,
    when: world((w) => [w.get('/a', hour), w.get(header('cache-control', 'no-cache'))].at(-1)),
    expected: 'Hit pop',
  },
  {
    rule: `${TTL}: so is their Pragma`,
    when: world((w) => [w.get('/a', hour), w.get(header('pragma', 'no-cache'))].at(-1)),
    expected: 'Hit pop',
  },
  {
    rule: `${TTL}: TTLs of 0 disable caching`,
    given: policy({ defaultTtlSeconds: 0, maxTtlSeconds: 0 }),
    when: world((w) => [w.get('/a', hour), w.get('/a')].at(-1)),
    expected: 'Miss origin uncacheable',
  },
  {
    rule: `${HEADERS}: all headers: nothing is cached`,
    given: policy({ headers: ALL }),
    when: world((w) => [w.get('/a', hour), w.get('/a')].at(-1)),
    expected: 'Miss origin uncacheable',
  },
  {
    rule: `${TTL}: stale-while-revalidate: served at once, and refreshed`,
    when: world((w) =>
      [w.get('/a', swr), told(w.wait(70).ask('/a') as ServedResponse), w.open[0]?.background].slice(
        1,
      ),
    ),
    expected: ['Hit pop stale age 70', true],
  },
  {
    rule: `${TTL}: one refresh is enough`,
    when: world((w) => [w.get('/a', swr), w.wait(70).ask('/a'), w.ask('/a'), w.open.length].at(-1)),
    expected: 1,
  },
  {
    rule: `${TTL}: what it brings is served next`,
    when: world((w) =>
      [w.get('/a', swr), w.wait(70).ask('/a'), w.respond(swr), w.get('/a')].slice(2),
    ),
    expected: [[], 'Hit pop'],
  },
  {
    rule: `${TTL}: not after its time`,
    when: afterAMinute({ 'cache-control': 'max-age=60, stale-while-revalidate=59' }, minute),
    expected: 'Miss origin expired',
  },
  {
    rule: `${TTL}: at most the maximum TTL`,
    given: policy({ defaultTtlSeconds: 60, maxTtlSeconds: 60 }),
    when: afterAMinute(swr, minute),
    expected: 'Miss origin expired',
  },
  {
    rule: `RFC 9111, 5.2.2.2: must-revalidate forbids it`,
    when: afterAMinute(
      { 'cache-control': 'max-age=60, must-revalidate, stale-while-revalidate=100' },
      minute,
    ),
    expected: 'Miss origin expired',
  },
  {
    rule: `${ERRORS}: an expired object is served on 5xx`,
    when: afterAMinute(minute, { status: 500 }),
    expected: 'Hit pop stale age 120',
  },
  {
    rule: `${CUSTOM}, origin unavailable: and when there is no answer`,
    when: afterAMinute(minute, 'unreachable'),
    expected: 'Hit pop stale age 120',
  },
  {
    rule: `${ERRORS}: on 4xx the error is`,
    when: afterAMinute(minute, { status: 404 }),
    expected: 'Error origin expired',
  },
  {
    rule: `${ERRORS}: without asking, for the error caching minimum TTL`,
    when: world((w) =>
      [w.get('/a', minute), w.wait(60).get('/a', { status: 503 }), w.wait(29).get('/a')].at(-1),
    ),
    expected: 'Hit pop stale age 89',
  },
  {
    rule: `${ERRORS}: then it is asked for again`,
    when: world((w) =>
      [w.get('/a', minute), w.wait(60).get('/a', { status: 503 }), w.wait(30).get('/a', minute)].at(
        -1,
      ),
    ),
    expected: 'Miss origin expired',
  },
  {
    rule: `${TTL}: stale-if-error ends it`,
    when: afterAMinute({ 'cache-control': 'max-age=60, stale-if-error=59' }, { status: 500 }),
    expected: 'Error origin expired',
  },
  {
    rule: `${TTL}: within its time it is served`,
    when: afterAMinute({ 'cache-control': 'max-age=60, stale-if-error=61' }, { status: 500 }),
    expected: 'Hit pop stale age 120',
  },
  {
    rule: `${TTL}: stale-if-error=0 prevents it`,
    when: afterAMinute({ 'cache-control': 'max-age=60, stale-if-error=0' }, 'unreachable'),
    expected: 'Error origin expired',
  },
  {
    rule: `${TTL}: at most the maximum TTL`,
    given: policy({ defaultTtlSeconds: 50, maxTtlSeconds: 50 }),
    when: afterAMinute({ 'cache-control': 'max-age=50, stale-if-error=999' }, { status: 500 }),
    expected: 'Error origin expired',
  },
  {
    rule: `RFC 9111, 5.2.2.2: must-revalidate forbids it`,
    when: afterAMinute({ 'cache-control': 'max-age=60, must-revalidate' }, { status: 500 }),
    expected: 'Error origin expired',
  },
  {
    rule: `${ERRORS}: s-maxage does not forbid it`,
    when: afterAMinute({ 'cache-control': 's-maxage=60' }, { status: 500 }),
    expected: 'Hit pop stale age 120',
  },
  {
    rule: `${ERRORS}: a cached error is served from the edge`,
    when: world((w) => [w.get('/a', { status: 404 }), w.wait(9).get('/a'), w.wait(1).get('/a')]),
    expected: ['Error origin first-seen', 'Error pop age 9', 'Miss origin expired'],
  },
  {
    rule: `${ERRORS}: an uncached one is not`,
    when: world((w) => [w.get('/a', { status: 403 }), w.get('/a')]),
    expected: ['Error origin uncacheable', 'Miss origin first-seen'],
  },
  {
    rule: `${COLLAPSE}: one fetch, and the follower is a hit`,
    when: two(hour),
    expected: [1, 'Miss origin first-seen', 'Hit pop collapsed', 0],
  },
  {
    rule: `${COLLAPSE}: at the regional edge cache too`,
    when: two(hour, SEOUL),
    expected: [1, 'Miss origin first-seen', 'Miss regional first-seen collapsed', 0],
  },
  {
    rule: `${COLLAPSE}: not where all cookies go to the origin`,
    given: policy({ cookies: ALL }),
    when: two(hour),
    expected: [2, 'Miss origin first-seen', 1],
  },
  {
    rule: `${COLLAPSE}: nor by the origin request policy`,
    given: behavior({}, { originRequest: { headers: ALL, query: ALL, cookies: ALL } }),
    when: two(hour),
    expected: [2, 'Miss origin first-seen', 1],
  },
  {
    rule: `${COLLAPSE}: not where caching is disabled`,
    given: policy({ defaultTtlSeconds: 0, maxTtlSeconds: 0 }),
    when: two(hour),
    expected: [2, 'Miss origin uncacheable', 1],
  },
  ...['private', 'no-store', 'no-cache', 'max-age=0', 's-maxage=0'].map((directive) => ({
    rule: `${COLLAPSE}: ${directive} is not shared with a minimum TTL of 0`,
    when: world((w) =>
      [
        w.ask('/a'),
        w.ask('/a'),
        w.respond({ 'cache-control': directive }).length,
        w.open.length,
      ].slice(2),
    ),
    expected: [1, 1],
  })),
  {
    rule: `${COLLAPSE}: private is shared with a minimum TTL`,
    given: KEEPING,
    when: two({ 'cache-control': 'private' }),
    expected: [1, 'Miss origin first-seen', 'Hit pop collapsed', 0],
  },
  {
    rule: `${COLLAPSE}: an error is for all who wait`,
    when: two({ status: 500 }),
    expected: [1, 'Error origin first-seen', 'Error pop collapsed', 0],
  },
  {
    rule: `${REGIONAL}: an object of the regional edge cache`,
    when: world((w) => [w.get('/a', hour), w.wait(5).get('/a', {}, SEOUL)].at(-1)),
    expected: 'Miss regional first-seen age 5',
  },
  {
    rule: `${REGIONAL}: not of another region`,
    when: world((w) => [w.get('/a', hour), w.get('/a', hour, FRANKFURT)].at(-1)),
    expected: 'Miss origin first-seen',
  },
  {
    rule: `modelled: its age and end are the same everywhere`,
    when: world((w) =>
      [
        w.get('/a', minute),
        w.wait(50).get('/a', {}, SEOUL),
        w.wait(10).get('/a', minute, SEOUL),
      ].at(-1),
    ),
    expected: 'Miss origin expired',
  },
  {
    rule: `${REGIONAL}: an expired object may be confirmed by it`,
    when: world((w) =>
      [
        w.get('/a', { ...minute, etag: '"1"' }),
        w.get('/a', {}, SEOUL),
        w.wait(60).get('/a', { status: 304 }),
        w.get('/a', {}, SEOUL),
      ].at(-1),
    ),
    expected: 'RefreshHit regional expired',
  },
  {
    rule: `${SHIELD}: one cache before the origin for all regions`,
    when: world((w) =>
      [
        w.get('/a', hour, { shield: 'us-east-1' }),
        w.get('/a', {}, { ...FRANKFURT, shield: 'us-east-1' }),
      ].at(-1),
    ),
    expected: 'OriginShieldHit shield first-seen',
  },
  {
    rule: `${SHIELD}: in the region of the regional edge cache it is that cache`,
    when: world((w) =>
      [
        w.get('/a', hour, { shield: 'ap-northeast-1' }),
        w.engine.stats().regional.objects,
        w.engine.stats().shield.objects,
      ].slice(1),
    ),
    expected: [0, 1],
  },
  {
    rule: `${CUSTOM}, HTTP methods: POST is not cached`,
    when: world((w) =>
      [w.get({ url: '/a', method: 'POST' }, hour), w.get({ url: '/a', method: 'POST' }, hour)].at(
        -1,
      ),
    ),
    expected: 'Miss origin uncacheable',
  },
  {
    rule: `${REGIONAL}: and passes no cache`,
    when: world((w) =>
      [w.get({ url: '/a', method: 'PUT' }, hour), w.engine.stats().regional.objects].at(-1),
    ),
    expected: 0,
  },
  {
    rule: `${CUSTOM}, HTTP methods: nor does it invalidate`,
    when: world((w) =>
      [w.get('/a', hour), w.get({ url: '/a', method: 'DELETE' }), w.get('/a')].at(-1),
    ),
    expected: 'Hit pop',
  },
  {
    rule: `${CUSTOM}, HTTP methods: OPTIONS is not cached by default`,
    when: world((w) =>
      [w.get({ url: '/a', method: 'OPTIONS' }, hour), w.get({ url: '/a', method: 'OPTIONS' })].at(
        -1,
      ),
    ),
    expected: 'Miss origin uncacheable',
  },
  {
    rule: `${CUSTOM}, HTTP methods: but where it is chosen`,
    given: behavior({}, { cachedMethods: ['GET', 'HEAD', 'OPTIONS'] }),
    when: world((w) =>
      [w.get({ url: '/a', method: 'OPTIONS' }, hour), w.get({ url: '/a', method: 'OPTIONS' })].at(
        -1,
      ),
    ),
    expected: 'Hit pop',
  },
  {
    rule: `${CUSTOM}, HTTP methods: HEAD from what GET brought`,
    when: world((w) => [w.get('/a', hour), w.get({ url: '/a', method: 'HEAD' })].at(-1)),
    expected: 'Hit pop',
  },
  {
    rule: `modelled: GET not from what HEAD brought, which has no body`,
    when: world((w) =>
      [
        w.get({ url: '/a', method: 'HEAD' }, hour),
        w.get({ url: '/a', method: 'HEAD' }),
        w.get('/a', hour),
      ].slice(1),
    ),
    expected: ['Hit pop', 'Miss origin first-seen'],
  },
  {
    rule: `${RANGES}: from the whole object`,
    when: world((w) => [w.get('/a', hour), w.get(header('range', 'bytes=0-9'))].at(-1)),
    expected: 'Hit pop',
  },
  {
    rule: `${RANGES}: a range is kept`,
    when: world((w) =>
      [
        w.get(header('range', 'bytes=0-9'), { status: 206, ...hour }),
        w.get(header('range', 'bytes=0-9')),
      ].at(-1),
    ),
    expected: 'Hit pop',
  },
  {
    rule: `${RANGES}: another is fetched`,
    when: world((w) =>
      [
        w.get(header('range', 'bytes=0-9'), { status: 206, ...hour }),
        w.get(header('range', 'bytes=10-'), { status: 206 }),
      ].at(-1),
    ),
    expected: 'Miss origin first-seen',
  },
  {
    rule: `${RANGES}: an origin without ranges gives the whole, which is kept`,
    when: world((w) => [w.get(header('range', 'bytes=0-9'), hour), w.get('/a')].at(-1)),
    expected: 'Hit pop',
  },
  {
    rule: `${RANGES}: a part is not served for the whole`,
    when: world((w) =>
      [w.get(header('range', 'bytes=0-9'), { status: 206, ...hour }), w.get('/a', hour)].at(-1),
    ),
    expected: 'Miss origin first-seen',
  },
  {
    rule: `${COOKIES}: Set-Cookie is cached with the object`,
    when: world((w) =>
      [
        w.get('/a', { ...hour, 'set-cookie': 'a=1' }),
        w.ask('/a')?.response.headers['set-cookie'],
      ].at(-1),
    ),
    expected: ['a=1'],
  },
  {
    rule: `${COOKIES}: where no cookie goes to the origin, it is removed`,
    given: behavior(
      {},
      { originRequest: { headers: ALL, query: ALL, cookies: { kind: 'none', names: [] } } },
    ),
    when: world((w) =>
      [
        w.get('/a', { ...hour, 'set-cookie': 'a=1' }),
        w.ask('/a')?.response.headers['set-cookie'],
      ].at(-1),
    ),
    expected: undefined,
  },
  {
    rule: `RFC 9111, 3.1: fields of the connection are not kept`,
    when: world((w) =>
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
        w.ask('/a')?.response.headers,
      ].at(-1),
    ),
    expected: fieldsOf({ ...hour, c: '1' }),
  },
  {
    rule: `${TTL}: what was requested longest ago is evicted`,
    when: world((w) =>
      [
        ...['/a', '/b', '/a', '/c'].map((url) => w.get(url, { ...hour, bytes: 1000 })),
        w.get('/a'),
        w.get('/b'),
      ].slice(-2),
    ),
    expected: ['Hit pop', 'Miss regional evicted'],
  },
  {
    rule: `${TTL}: what was evicted may have expired since`,
    when: world((w) =>
      [...['/a', '/b', '/c'].map((url) => w.get(url, minute)), w.wait(60).get('/a')].at(-1),
    ),
    expected: 'Miss origin expired',
  },
  {
    rule: `${HEADERS}: another version of the URL is there`,
    given: policy({ headers: only('accept') }),
    when: world((w) =>
      [w.get(header('accept', 'a'), hour), w.get(header('accept', 'b'), hour)].at(-1),
    ),
    expected: 'Miss origin varied',
  },
  {
    rule: `${COLLAPSE}: one refresh in the background, also where all cookies go to the origin`,
    given: policy({ cookies: ALL }),
    when: world((w) => [w.get('/a', swr), w.wait(70).ask('/a'), w.ask('/a'), w.open.length].at(-1)),
    expected: 1,
  },
  {
    rule: `${TTL}: to be served in place of an error is a request too`,
    when: world((w) =>
      [
        w.get('/a', minute),
        w.get('/b', hour),
        w.wait(60).get('/a', { status: 503 }),
        w.get('/c', hour),
        w.get('/b'),
      ].at(-1),
    ),
    expected: 'Miss regional evicted age 60',
  },
  {
    rule: 'modelled: that it was evicted is forgotten when it is back',
    when: world((w) =>
      [
        ...['/a', '/b', '/c', '/a'].map((url) => w.get(url, minute)),
        w.wait(60).get('/a', { 'cache-control': 'no-store' }),
        w.get('/a'),
      ].at(-1),
    ),
    expected: 'Miss origin first-seen',
  },
];

const invalidated = (urls: string[], pattern: string): Row['when'] =>
  world((w) => {
    for (const url of urls) w.get(url, { ...hour, bytes: 0 });
    w.engine.invalidate(pattern, NOW);
    return urls.map((url) => (w.ask(url) === undefined ? 'gone' : 'there'));
  });
const QUERIED = policy({ query: ALL });

const INVALIDATION_ROWS: Row[] = [
  {
    rule: `${INVALIDATION}: one file`,
    when: invalidated(['/a', '/b'], '/a'),
    expected: ['gone', 'there'],
  },
  {
    rule: `${INVALIDATION}: the first slash may be left out`,
    when: invalidated(['/a'], 'a'),
    expected: ['gone'],
  },
  {
    rule: `${INVALIDATION}: all below a directory`,
    when: invalidated(['/a/b', '/a/c/d', '/ab'], '/a/*'),
    expected: ['gone', 'gone', 'there'],
  },
  {
    rule: `${INVALIDATION}: everything`,
    when: invalidated(['/a', '/b'], '/*'),
    expected: ['gone', 'gone'],
  },
  {
    rule: `${INVALIDATION}: * stands for itself elsewhere`,
    when: invalidated(['/a/x/c', '/a/*/c'], '/a/*/c'),
    expected: ['there', 'gone'],
  },
  {
    rule: `${INVALIDATION}: case counts`,
    when: invalidated(['/a', '/A'], '/A'),
    expected: ['there', 'gone'],
  },
  {
    rule: `${INVALIDATION}: the query string counts`,
    given: QUERIED,
    when: invalidated(['/a?x=1', '/a'], '/a'),
    expected: ['there', 'gone'],
  },
  {
    rule: `${INVALIDATION}: one query string`,
    given: QUERIED,
    when: invalidated(['/a?x=1', '/a?x=2'], '/a?x=1'),
    expected: ['gone', 'there'],
  },
  {
    rule: `${INVALIDATION}: all query strings`,
    given: QUERIED,
    when: invalidated(['/a?x=1', '/a'], '/a*'),
    expected: ['gone', 'gone'],
  },
  {
    rule: `${INVALIDATION}: whatever the headers`,
    given: policy({ headers: only('accept') }),
    when: world((w) =>
      [
        w.get(header('accept', 'a'), hour),
        w.get(header('accept', 'b'), hour),
        w.engine.invalidate('/a', NOW),
      ].at(-1),
    ),
    expected: 4,
  },
  {
    rule: `${INVALIDATION}: in all caches`,
    when: world((w) =>
      [w.get('/a', hour), w.engine.invalidate('/a', NOW), w.get('/a', hour, SEOUL)].slice(1),
    ),
    expected: [2, 'Miss origin first-seen'],
  },
  {
    rule: `${INVALIDATION}: and is why it is fetched`,
    when: world((w) =>
      [w.get('/a', hour), w.engine.invalidate('/a', NOW), w.get('/a', hour)].at(-1),
    ),
    expected: 'Miss origin invalidated',
  },
  {
    rule: 'modelled: what is under way is served, and not kept',
    when: world((w) => [
      w.ask('/a'),
      w.engine.invalidate('/a', NOW),
      w.respond(hour).length,
      w.ask('/a'),
    ]),
    expected: [undefined, 0, 1, undefined],
  },
];

const BODY = new TextEncoder().encode('0123456789');
const toViewer = (
  one: Omit<Asked, 'url'>,
  fields: Record<string, string> = {},
  servedBy: ServedResponse['servedBy'] = 'pop',
): Row['when'] => {
  const response: HttpResponse = {
    status: 200,
    headers: fieldsOf({ etag: '"1"', 'last-modified': date(0), 'content-length': '10', ...fields }),
    bodyBytes: 10,
    body: BODY,
  };
  return () => {
    const { status, bodyBytes, body, headers } = viewerResponse(asked({ url: '/a', ...one }), {
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
const WHOLE = [200, 10, '0123456789', '7'];
const UNCHANGED = [304, 0, undefined, '7'];

const VIEWER_ROWS: Row[] = [
  { rule: 'RFC 9111, 5.1: Age is told of what was kept', when: when({}), expected: WHOLE },
  {
    rule: 'RFC 9111, 5.1: and not of what is new',
    when: toViewer({}, {}, 'origin'),
    expected: [200, 10, '0123456789', undefined],
  },
  {
    rule: 'RFC 9110, 9.3.2: HEAD has no body',
    when: toViewer({ method: 'HEAD' }),
    expected: [200, 0, undefined, '7'],
  },
  {
    rule: 'RFC 9110, 13.1.2: If-None-Match that matches',
    when: when({ 'if-none-match': '"0", "1"' }),
    expected: UNCHANGED,
  },
  {
    rule: 'RFC 9110, 13.1.2: one that does not',
    when: when({ 'if-none-match': '"2"' }),
    expected: WHOLE,
  },
  {
    rule: 'RFC 9110, 13.1.2: it compares weakly',
    when: when({ 'if-none-match': 'W/"1"' }),
    expected: UNCHANGED,
  },
  { rule: 'RFC 9110, 13.1.2: any', when: when({ 'if-none-match': '*' }), expected: UNCHANGED },
  {
    rule: 'RFC 9110, 13.1.3: If-Modified-Since, not modified',
    when: when({ 'if-modified-since': date(0) }),
    expected: UNCHANGED,
  },
  {
    rule: 'RFC 9110, 13.1.3: modified',
    when: when({ 'if-modified-since': date(-1) }),
    expected: WHOLE,
  },
  {
    rule: 'RFC 9110, 13.1.3: a date that is none is ignored',
    when: when({ 'if-modified-since': 'tomorrow' }),
    expected: WHOLE,
  },
  {
    rule: 'RFC 9110, 13.2.2: If-None-Match counts alone',
    when: when({ 'if-none-match': '"2"', 'if-modified-since': date(0) }),
    expected: WHOLE,
  },
  {
    rule: `${RANGES}: the requested range`,
    when: when({ range: 'bytes=2-4' }),
    expected: [206, 3, '234', 'bytes 2-4/10'],
  },
  {
    rule: 'RFC 9110, 14.1.2: to the end',
    when: when({ range: 'bytes=7-' }),
    expected: [206, 3, '789', 'bytes 7-9/10'],
  },
  {
    rule: 'RFC 9110, 14.1.2: the last bytes',
    when: when({ range: 'bytes=-2' }),
    expected: [206, 2, '89', 'bytes 8-9/10'],
  },
  {
    rule: 'RFC 9110, 14.1.2: past the end',
    when: when({ range: 'bytes=8-99' }),
    expected: [206, 2, '89', 'bytes 8-9/10'],
  },
  {
    rule: 'RFC 9110, 15.5.17: beyond the end',
    when: when({ range: 'bytes=10-' }),
    expected: [416, 0, undefined, 'bytes */10'],
  },
  {
    rule: `${RANGES}: one that is not valid gives the whole`,
    when: when({ range: 'bytes=4-2' }),
    expected: WHOLE,
  },
  {
    rule: `${RANGES}: so does one in another unit`,
    when: when({ range: 'lines=0-1' }),
    expected: WHOLE,
  },
  {
    rule: 'RFC 9110, 13.1.5: If-Range that matches',
    when: when({ range: 'bytes=0-0', 'if-range': '"1"' }),
    expected: [206, 1, '0', 'bytes 0-0/10'],
  },
  {
    rule: 'RFC 9110, 13.1.5: one that does not',
    when: when({ range: 'bytes=0-0', 'if-range': '"2"' }),
    expected: WHOLE,
  },
  {
    rule: 'RFC 9110, 13.1.5: it compares strongly',
    when: when({ range: 'bytes=0-0', 'if-range': 'W/"1"' }, { etag: 'W/"1"' }),
    expected: WHOLE,
  },
  {
    rule: 'RFC 9110, 13.1.5: a date matches exactly',
    when: when({ range: 'bytes=0-0', 'if-range': date(0) }),
    expected: [206, 1, '0', 'bytes 0-0/10'],
  },
  {
    rule: 'RFC 9110, 14.2: a range is of GET only',
    when: toViewer({ method: 'HEAD', headers: { range: 'bytes=0-0' } }),
    expected: [200, 0, undefined, '7'],
  },
];

const ROWS = [...KEY_ROWS, ...TTL_ROWS, ...CACHE_ROWS, ...INVALIDATION_ROWS, ...VIEWER_ROWS];

test.each(ROWS)('$rule', ({ given = behavior(), when: run, expected }) => {
  expect(run(given)).toEqual(expected);
});
