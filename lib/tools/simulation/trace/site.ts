/**
 * A fictitious market site: the requests of its viewers and its responses. Paths fit the behaviors
 * of `deployments/market.yaml`.
 */
import { fnv1a } from '../hash';
import { type Random, weighted, zipf } from './random';

export type Exchange = 'tokyo' | 'london' | 'new-york';

export interface SiteRequest {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly status: number;
  /** Bytes of the body. An object always has the same size, whatever its tracking parameters. */
  readonly bytes: number;
  readonly contentType: string;
  readonly originMs: number;
}

interface Moment {
  readonly timeMs: number;
  readonly open: readonly Exchange[];
}

const EXCHANGES: readonly Exchange[] = ['tokyo', 'london', 'new-york'];
const SYMBOLS = 60;
const symbolRank = zipf(SYMBOLS);
const assetRank = zipf(40);
const imageRank = zipf(120);
const articleRank = zipf(60);

const REFERENCE_DATA = ['exchanges', 'currencies', 'calendars', 'sectors'];

type ObjectSpec = readonly [
  url: string,
  smallest: number,
  largest: number,
  contentType: string,
  originMs: number,
];

const JSON_TYPE = 'application/json';
const HTML_TYPE = 'text/html; charset=utf-8';

/**
 * The sprite is a deliberate mistake for a replay to find: the tier of `/static/*` drops every
 * query, but the sprite has two themes.
 */
const STATIC_FILES = [
  ['logo.svg', 'image/svg+xml'],
  ['inter.woff2', 'font/woff2'],
  ['manifest.webmanifest', JSON_TYPE],
  ['favicon.ico', 'image/x-icon'],
  ['sprite.svg?theme=light', 'image/svg+xml'],
  ['sprite.svg?theme=dark', 'image/svg+xml'],
] as const;

/** Requests of people and their browsers, with weights. */
const BROWSED: readonly (readonly [(random: Random, moment: Moment) => SiteRequest, number])[] = [
  [(random, moment) => withTracking(random, page(random, moment)), 13],
  [(random) => asset(random), 20],
  [(random) => staticFile(random), 5],
  [(random) => image(random), 14],
  [
    (random) =>
      get([`/media/briefing-${imageRank(random) % 12}.mp4`, 900_000, 4_000_000, 'video/mp4', 90]),
    0.6,
  ],
  [
    (random, moment) =>
      withCacheBuster(random, moment, get(['/api/market/overview', 4_000, 4_001, JSON_TYPE, 60])),
    8,
  ],
  [(random, moment) => withCacheBuster(random, moment, realtime(random, moment)), 20],
  [(random, moment) => historical(random, moment), 6],
  [
    (random) =>
      get([`/api/reference-data/${choice(random, REFERENCE_DATA)}`, 9_000, 60_000, JSON_TYPE, 40]),
    4,
  ],
  [
    (random) =>
      get([
        `/api/news/latest?page=${1 + Math.floor(4 * random() ** 3)}`,
        12_000,
        24_000,
        JSON_TYPE,
        85,
      ]),
    5,
  ],
  [
    (random) =>
      get([`/api/strategies/public/${articleRank(random) % 30}`, 3_000, 12_000, JSON_TYPE, 120]),
    2,
  ],
  [
    (random) =>
      get([
        `/api/public/quotes/top?limit=${choice(random, ['10', '25', '50'])}`,
        2_000,
        9_000,
        JSON_TYPE,
        70,
      ]),
    2,
  ],
  [(random) => userRequest(random), 4],
  [(random) => write(random), 4],
  [
    (random) => get([`/quotes/OLD${articleRank(random) % 9}`, 1_800, 1_801, HTML_TYPE, 25], 404),
    0.4,
  ],
];

const CRAWLED: readonly (readonly [(random: Random) => SiteRequest, number])[] = [
  [(random) => quotePage(symbol(choice(random, EXCHANGES), Math.floor(random() * SYMBOLS))), 6],
  [(random) => article(Math.floor(random() * 60)), 3],
  [() => get(['/robots.txt', 120, 121, 'text/plain', 8]), 0.5],
  [
    (random) =>
      get(
        [
          choice(random, ['/wp-login.php', '/.env', '/admin/config.php', '/xmlrpc.php']),
          1_800,
          1_801,
          HTML_TYPE,
          12,
        ],
        404,
      ),
    1.5,
  ],
];

export function siteRequest(random: Random, moment: Moment, crawler: boolean): SiteRequest {
  return crawler ? weighted(random, CRAWLED)(random) : weighted(random, BROWSED)(random, moment);
}

function get(
  [url, smallest, largest, contentType, originMs]: ObjectSpec,
  status = 200,
): SiteRequest {
  return {
    method: 'GET',
    url,
    status,
    bytes: smallest + (fnv1a(url) % Math.max(1, largest - smallest)),
    contentType,
    originMs,
  };
}

function page(random: Random, moment: Moment): SiteRequest {
  return weighted(random, [
    [() => get(['/', 48_000, 48_001, HTML_TYPE, 140]), 4],
    [() => get([`/markets/${choice(random, EXCHANGES)}`, 36_000, 52_000, HTML_TYPE, 150]), 2],
    [() => quotePage(tradedSymbol(random, moment)), 5],
    [() => article(articleRank(random)), 3],
  ] as const)();
}

function quotePage(name: string): SiteRequest {
  return get([`/quotes/${name}`, 24_000, 40_000, HTML_TYPE, 160]);
}

function article(rank: number): SiteRequest {
  return get([`/news/${2000 + rank}`, 18_000, 64_000, HTML_TYPE, 130]);
}

/** Adds the tracking parameters of campaigns and social networks. They do not change the page. */
function withTracking(random: Random, request: SiteRequest): SiteRequest {
  if (random() > 0.22) return request;
  const id = Math.floor(random() * 2 ** 32).toString(16);
  const parameters = [
    `utm_source=${choice(random, ['newsletter', 'x', 'partner'])}` +
      `&utm_medium=${choice(random, ['mail', 'social'])}`,
    `fbclid=${id}`,
    `gclid=${id}`,
  ];
  return { ...request, url: `${request.url}?${choice(random, parameters)}` };
}

/** Adds the time, as some client libraries do to bypass caches. */
function withCacheBuster(random: Random, { timeMs }: Moment, request: SiteRequest): SiteRequest {
  if (random() > 0.15) return request;
  return { ...request, url: `${request.url}${request.url.includes('?') ? '&' : '?'}_=${timeMs}` };
}

function asset(random: Random): SiteRequest {
  const rank = assetRank(random);
  const [extension, contentType] = rank % 3 === 1 ? ['css', 'text/css'] : ['js', 'text/javascript'];
  const hash = fnv1a(`asset ${rank}`).toString(16).padStart(8, '0');
  return get([`/assets/chunk-${rank}.${hash}.${extension}`, 3_000, 160_000, contentType, 20]);
}

function staticFile(random: Random): SiteRequest {
  const [file, contentType] = choice(random, STATIC_FILES);
  return get([`/static/${file}`, 1_000, 90_000, contentType, 15]);
}

function image(random: Random): SiteRequest {
  return get([
    `/images/news/${imageRank(random)}.jpg?w=${choice(random, ['320', '640', '1280'])}`,
    12_000,
    190_000,
    'image/jpeg',
    35,
  ]);
}

function realtime(random: Random, moment: Moment): SiteRequest {
  const fields = choice(random, [
    '',
    '',
    '?fields=price,volume',
    '?depth=5&fields=price',
    '?fields=price&depth=5',
  ]);
  const url = `/api/market/realtime/${tradedSymbol(random, moment)}`;
  const { bytes, ...rest } = get([url, 350, 900, JSON_TYPE, 45]);
  return { ...rest, url: `${url}${fields}`, bytes: bytes + 97 * fields.split('=').length };
}

function historical(random: Random, moment: Moment): SiteRequest {
  const range = choice(random, ['1d', '1m', '1y', '1y', '5y']);
  const url = `/api/market/historical/${tradedSymbol(random, moment)}`;
  const request = get([`${url}?interval=1d&range=${range}`, 8_000, 120_000, JSON_TYPE, 220]);
  return random() < 0.5 ? request : { ...request, url: `${url}?range=${range}&interval=1d` };
}

function userRequest(random: Random): SiteRequest {
  const url = choice(random, [
    '/api/portfolio',
    '/api/portfolio/positions',
    '/api/watchlist',
    '/api/reports/daily',
    '/admin/users',
  ]);
  return get(
    [url, 800, 6_000, JSON_TYPE, 95],
    random() < 0.02 ? choice(random, [502, 503, 504]) : 200,
  );
}

function write(random: Random): SiteRequest {
  const [url, status, bytes] = weighted(random, [
    [['/api/orders', 201, 210], 5],
    [['/api/orders', 409, 130], 0.2],
    [['/auth/login', 200, 640], 2],
    [['/auth/login', 401, 90], 0.4],
    [['/performance/vitals', 204, 0], 5],
    [['/api/predictions/batch', 202, 96], 0.6],
  ] as const);
  return { method: 'POST', url, status, bytes, contentType: JSON_TYPE, originMs: 110 };
}

/** A symbol, most likely of an exchange that is open. */
function tradedSymbol(random: Random, { open }: Moment): string {
  const exchange = weighted(
    random,
    EXCHANGES.map((each) => [each, open.includes(each) ? 6 : 1] as const),
  );
  return symbol(exchange, symbolRank(random));
}

/** A fictitious symbol in the style of each exchange. */
function symbol(exchange: Exchange, rank: number): string {
  if (exchange === 'tokyo') return `${1301 + 57 * rank}.T`;
  const letters = [rank * 7, rank * 3 + 4, rank + Math.floor(rank / 26)]
    .map((each) => String.fromCharCode(65 + (each % 26)))
    .join('');
  return exchange === 'london' ? `${letters}.L` : letters;
}

function choice<Item>(random: Random, items: readonly Item[]): Item {
  return items[Math.floor(random() * items.length)] as Item;
}
