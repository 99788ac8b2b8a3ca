/**
 * Generates the access log of a fictitious market site from a seed, for a replay without a real
 * log.
 */
import type { Continent } from '../../../model/aws';
import { IsochroneError } from '../../../model/errors';
import { fnv1a } from '../hash';
import { spreadEdgeLocation } from '../path';
import { type Random, seededRandom, weighted, zipf } from './random';
import { type Exchange, type SiteRequest, siteRequest } from './site';

/** Options of `seededTrace`. */
export interface SeededTraceOptions {
  readonly seed: number;
  /** The number of lines. */
  readonly requests: number;
  /** When the log starts. */
  readonly from: Date;
  /**
   * The length of the log.
   *
   * @default 24
   */
  readonly hours?: number;
  /**
   * `combined`, as Apache and nginx write it; or `json` with nginx variables, which also contains
   * the host and each viewer's languages and image formats.
   *
   * @default 'json'
   */
  readonly format?: 'combined' | 'json';
  /**
   * The host of all requests.
   *
   * @default 'market.example.com'
   */
  readonly host?: string;
}

/**
 * Generates lines in time order, without line ends. The same options give the same bytes.
 *
 * @throws IsochroneError if an option is invalid
 */
export function* seededTrace({
  seed,
  requests,
  from,
  hours = 24,
  format = 'json',
  host = 'market.example.com',
}: SeededTraceOptions): Generator<string> {
  const minutes = Math.round(hours * 60);
  if (!Number.isInteger(requests) || requests < 0 || minutes < 1 || Number.isNaN(from.getTime())) {
    throw new IsochroneError(
      `A seeded trace must have a whole number of requests, a valid start and at least a minute, ` +
        `got ${requests} requests from ${from} for ${hours} hours.`,
    );
  }
  const random = seededRandom(seed);
  const loads = Array.from({ length: minutes }, (_, minute) =>
    load(from.getTime() + minute * MINUTE),
  );
  const total = loads.reduce((sum, each) => sum + each.sum, 0);
  let before = 0;
  let written = 0;
  for (const { startMs, open, continents, sum } of loads) {
    before += sum;
    const due = Math.round((requests * before) / total) - written;
    written += due;
    const offsets = Array.from({ length: due }, () => Math.floor(random() * MINUTE)).sort(
      (a, b) => a - b,
    );
    for (const offset of offsets) {
      const viewer = viewerOf(random, weighted(random, continents));
      const timeMs = startMs + offset;
      const request = siteRequest(random, { timeMs, open }, viewer.crawler);
      yield format === 'combined'
        ? combinedLine(timeMs, viewer, request)
        : jsonLine(timeMs, viewer, request, host);
    }
  }
}

const MINUTE = 60_000;

/**
 * Trading hours in each exchange's local time, without holidays. Tokyo closed at 15:00 until
 * November 2024.
 */
export const TRADING_HOURS: Readonly<
  Record<Exchange, { readonly timeZone: string; readonly from: string; readonly to: string }>
> = {
  tokyo: { timeZone: 'Asia/Tokyo', from: '09:00', to: '15:30' },
  london: { timeZone: 'Europe/London', from: '08:00', to: '16:30' },
  'new-york': { timeZone: 'America/New_York', from: '09:30', to: '16:00' },
};

const CLOCKS = Object.entries(TRADING_HOURS).map(([exchange, { timeZone, from, to }]) => ({
  exchange: exchange as Exchange,
  clock: new Intl.DateTimeFormat('en-GB', {
    timeZone,
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  }),
  from,
  to,
}));

export function openExchanges(timeMs: number): Exchange[] {
  return CLOCKS.filter(({ clock, from, to }) => {
    const parts = Object.fromEntries(
      clock.formatToParts(timeMs).map(({ type, value }) => [type, value]),
    );
    const time = `${parts.hour}:${parts.minute}`;
    return !['Sat', 'Sun'].includes(parts.weekday ?? '') && time >= from && time < to;
  }).map(({ exchange }) => exchange);
}

interface Audience {
  readonly continent: Continent;
  readonly share: number;
  /** The usual time zone of its viewers. */
  readonly hoursFromUtc: number;
  readonly exchange?: Exchange;
  readonly languages: readonly (readonly [string, number])[];
}

const ENGLISH = 'en-US,en;q=0.9';

const AUDIENCES: readonly Audience[] = [
  {
    continent: 'apac',
    share: 34,
    hoursFromUtc: 9,
    exchange: 'tokyo',
    languages: [
      ['ja,en-US;q=0.8', 6],
      ['zh-CN,zh;q=0.9,en;q=0.8', 2],
      [ENGLISH, 3],
    ],
  },
  {
    continent: 'europe',
    share: 28,
    hoursFromUtc: 1,
    exchange: 'london',
    languages: [
      ['en-GB,en;q=0.9', 5],
      ['de-DE,de;q=0.9,en;q=0.7', 3],
      ['fr-FR,fr;q=0.9', 2],
      ['it-IT,it;q=0.9,en;q=0.5', 1],
    ],
  },
  {
    continent: 'north-america',
    share: 29,
    hoursFromUtc: -5,
    exchange: 'new-york',
    languages: [
      [ENGLISH, 9],
      ['fr-CA,fr;q=0.9,en;q=0.8', 1],
    ],
  },
  {
    continent: 'south-america',
    share: 4,
    hoursFromUtc: -3,
    languages: [['pt-BR,pt;q=0.9,en;q=0.6', 1]],
  },
  {
    continent: 'middle-east',
    share: 3,
    hoursFromUtc: 4,
    languages: [
      ['ar-AE,ar;q=0.9,en;q=0.8', 1],
      [ENGLISH, 1],
    ],
  },
  { continent: 'africa', share: 2, hoursFromUtc: 2, languages: [['en-ZA,en;q=0.9', 1]] },
];

/** The load of one minute: higher by day than at night, and higher while an exchange is open. */
function load(startMs: number) {
  const open = openExchanges(startMs);
  const continents = AUDIENCES.map((audience) => {
    const hour = (startMs / 3_600_000 + audience.hoursFromUtc) % 24;
    const daylight = 0.3 + 0.7 * Math.max(0, Math.sin(((hour - 6) / 16) * Math.PI));
    const trading = audience.exchange && open.includes(audience.exchange) ? 2.4 : 1;
    return [audience, audience.share * daylight * trading] as const;
  });
  return {
    startMs,
    open,
    continents,
    sum: continents.reduce((sum, [, weight]) => sum + weight, 0),
  };
}

interface Viewer {
  readonly address: string;
  readonly userAgent: string;
  readonly language: string;
  readonly images: string;
  readonly crawler: boolean;
}

const VIEWERS_PER_CONTINENT = 400;
const viewerRank = zipf(VIEWERS_PER_CONTINENT, 0.6);

const BROWSERS: readonly (readonly [userAgent: string, images: string])[] = [
  [
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) ' +
      'Chrome/131.0.0.0 Safari/537.36',
    'image/avif,image/webp,image/apng,*/*;q=0.8',
  ],
  [
    'Mozilla/5.0 (iPhone; CPU iPhone OS 17_6 like Mac OS X) AppleWebKit/605.1.15 ' +
      '(KHTML, like Gecko) Version/17.6 Mobile/15E148 Safari/604.1',
    'image/webp,image/avif,video/*;q=0.8,*/*;q=0.5',
  ],
  [
    'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0',
    'image/avif,image/webp,image/png,*/*;q=0.8',
  ],
  [
    'Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0) like Gecko',
    'image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5',
  ],
];
const CRAWLERS = [
  'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)',
  'Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)',
  'curl/8.5.0',
];

/**
 * A viewer has the same address, browser and language in all requests. About a tenth of the viewers
 * are crawlers.
 */
function viewerOf(random: Random, { continent, languages }: Audience): Viewer {
  const rank = viewerRank(random);
  const own = seededRandom(fnv1a(`${continent} ${rank}`));
  const crawler = own() < 0.08;
  const [browser, images] = weighted(
    own,
    BROWSERS.map((each, i) => [each, [6, 4, 2, 0.4][i] ?? 1] as const),
  );
  const language = crawler ? '' : weighted(own, languages);
  const userAgent = crawler ? (CRAWLERS[Math.floor(own() * CRAWLERS.length)] as string) : browser;
  return {
    address: addressOf(continent, rank),
    userAgent,
    language,
    images: crawler ? '*/*' : images,
    crawler,
  };
}

/**
 * Addresses of 198.18.0.0/15 by the continent that the model assigns them. The block is reserved
 * for tests: "Benchmarking Methodology for Network Interconnect Devices", RFC 2544.
 */
const addresses = new Map<Continent, string[]>();

function addressOf(continent: Continent, rank: number): string {
  if (addresses.size === 0) {
    for (let n = 1; n < 2 ** 17; n++) {
      const address = `198.${18 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}`;
      const { continent: placed } = spreadEdgeLocation(address);
      addresses.set(placed, addresses.get(placed) ?? []);
      addresses.get(placed)?.push(address);
    }
  }
  return addresses.get(continent)?.[rank] as string;
}

function combinedLine(
  timeMs: number,
  { address, userAgent }: Viewer,
  { method, url, status, bytes }: SiteRequest,
): string {
  // Such as `Sun, 17 Nov 2013 06:31:30 GMT`.
  const [, day, month, year, time] = new Date(timeMs).toUTCString().split(' ');
  const stamp = `${day}/${month}/${year}:${time} +0000`;
  const request = `${method} ${url} HTTP/1.1`;
  return `${address} - - [${stamp}] "${request}" ${status} ${bytes} "-" "${userAgent}"`;
}

function jsonLine(
  timeMs: number,
  viewer: Viewer,
  { method, url, status, bytes, contentType, originMs }: SiteRequest,
  host: string,
): string {
  return JSON.stringify({
    time_iso8601: new Date(timeMs).toISOString(),
    remote_addr: viewer.address,
    request: `${method} ${url} HTTP/1.1`,
    http_host: host,
    status,
    body_bytes_sent: bytes,
    sent_http_content_type: contentType,
    upstream_response_time: (originMs / 1000).toFixed(3),
    http_user_agent: viewer.userAgent,
    http_accept: contentType.startsWith('image/') ? viewer.images : '*/*',
    http_accept_language: viewer.language || '-',
  });
}
