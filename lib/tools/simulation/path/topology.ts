/**
 * Edge locations, the regional edge cache behind each, and the continent.
 *
 * Edge locations are named after the nearest airport: "x-edge-location" in "Log file fields",
 * Amazon CloudFront developer guide. AWS does not publish which regional edge cache an edge
 * location uses; the model takes the nearest one.
 */
import type { Continent } from '../../../model/aws';
import { fnv1a } from '../hash';
import type { ViewerPlace } from './request-path';

export interface EdgeLocation extends ViewerPlace {
  readonly continent: Continent;
}

export interface Coordinates {
  readonly latitude: number;
  readonly longitude: number;
}

/**
 * The regional edge caches: "CloudFront edge caches" in "How CloudFront delivers content", Amazon
 * CloudFront developer guide.
 */
export const REGIONAL_EDGE_CACHES = [
  'ap-northeast-1',
  'ap-northeast-2',
  'ap-south-1',
  'ap-southeast-1',
  'ap-southeast-2',
  'eu-central-1',
  'eu-west-1',
  'eu-west-2',
  'sa-east-1',
  'us-east-1',
  'us-east-2',
  'us-west-1',
  'us-west-2',
] as const;

/**
 * The airport nearest to each region. "AWS Regions", AWS global infrastructure, names their cities
 * or states.
 */
const REGION_AIRPORTS: Readonly<Record<string, string>> = {
  'af-south-1': 'CPT',
  'ap-east-1': 'HKG',
  'ap-northeast-1': 'NRT',
  'ap-northeast-2': 'ICN',
  'ap-south-1': 'BOM',
  'ap-southeast-1': 'SIN',
  'ap-southeast-2': 'SYD',
  'ca-central-1': 'YUL',
  'eu-central-1': 'FRA',
  'eu-north-1': 'ARN',
  'eu-south-1': 'MXP',
  'eu-west-1': 'DUB',
  'eu-west-2': 'LHR',
  'eu-west-3': 'CDG',
  'me-south-1': 'BAH',
  'sa-east-1': 'GRU',
  'us-east-1': 'IAD',
  'us-east-2': 'CMH',
  'us-west-1': 'SFO',
  'us-west-2': 'PDX',
};

/**
 * Airports of edge locations: IATA code, latitude and longitude in whole degrees. The cities are
 * those of "Amazon CloudFront key features: global edge network".
 */
const AIRPORTS: Readonly<Record<Continent, string>> = {
  africa: 'CPT -34 19, JNB -26 28, LOS 7 3, NBO -1 37',
  apac: `
    AKL -37 175, BKK 14 101, BLR 13 78, BNE -27 153, BOM 19 73, CCU 23 88, CGK -6 107,
    DEL 29 77, HAN 21 106, HKG 22 114, HYD 17 78, ICN 37 126, KIX 34 135, KUL 3 102,
    MAA 13 80, MEL -38 145, MNL 15 121, NRT 36 140, PER -32 116, SGN 11 107, SIN 1 104,
    SYD -34 151, TPE 25 121
  `,
  europe: `
    AMS 52 5, ARN 60 18, ATH 38 24, BRU 51 4, BUD 47 19, CDG 49 3, CPH 56 13, DUB 53 -6,
    DUS 51 7, FCO 42 12, FRA 50 9, HAM 54 10, HEL 60 25, IST 41 29, LHR 51 0, LIS 39 -9,
    MAD 40 -4, MAN 53 -2, MRS 43 5, MUC 48 12, MXP 46 9, OSL 60 11, OTP 45 26, PRG 50 14,
    SOF 43 23, TXL 53 13, VIE 48 17, WAW 52 21, ZAG 46 16, ZRH 47 9
  `,
  'middle-east': 'BAH 26 51, DXB 25 55, FJR 25 56, TLV 32 35',
  'north-america': `
    ATL 34 -84, BNA 36 -87, BOS 42 -71, CMH 40 -83, DEN 40 -105, DFW 33 -97, DTW 42 -83,
    EWR 41 -74, HIO 46 -123, IAD 39 -77, IAH 30 -95, JAX 30 -82, JFK 41 -74, LAX 34 -118,
    MCI 39 -95, MIA 26 -80, MSP 45 -93, ORD 42 -88, PDX 46 -123, PHL 40 -75, PHX 33 -112,
    QRO 21 -100, SEA 47 -122, SFO 38 -122, SLC 41 -112, YTO 44 -80, YUL 45 -74, YVR 49 -123
  `,
  'south-america':
    'BOG 5 -74, EZE -35 -59, FOR -4 -39, GIG -23 -43, GRU -23 -46, LIM -12 -77, SCL -33 -71',
};

const PLACES: ReadonlyMap<string, Coordinates & { readonly continent: Continent }> = new Map(
  Object.entries(AIRPORTS).flatMap(([continent, airports]) =>
    airports.split(',').map((airport) => {
      const [code = '', latitude, longitude] = airport.trim().split(' ');
      const coordinates = { latitude: Number(latitude), longitude: Number(longitude) };
      return [code, { ...coordinates, continent: continent as Continent }];
    }),
  ),
);

/**
 * The distribution of viewers, in percent, if the log does not contain edge locations. An
 * assumption of this project: close to each continent's share of the world's internet users, with
 * more weight where most requests to sites of western companies come from.
 */
export const VIEWER_WEIGHTS: Readonly<Record<string, number>> = {
  IAD: 14,
  ORD: 8,
  DFW: 6,
  LAX: 10,
  YTO: 2,
  LHR: 9,
  FRA: 10,
  CDG: 6,
  MAD: 3,
  WAW: 2,
  NRT: 7,
  SIN: 6,
  BOM: 6,
  SYD: 3,
  GRU: 5,
  JNB: 1,
  DXB: 2,
};

/** The coordinates of an edge location's airport; undefined if the airport is not in the table. */
export function coordinatesOf(pop: string): Coordinates | undefined {
  return PLACES.get(pop);
}

/** The coordinates of a region; undefined if the region is not in the table. */
export function coordinatesOfRegion(region: string): Coordinates | undefined {
  return PLACES.get(REGION_AIRPORTS[region] ?? '');
}

/**
 * An edge location by its name; undefined if its airport is not in the table.
 *
 * @param name as CloudFront logs it, such as `NRT57-P1`
 */
export function edgeLocation(name: string): EdgeLocation | undefined {
  return EDGE_LOCATIONS.get(name.slice(0, 3).toUpperCase());
}

/** Assigns an address to an edge location by its hash. No geolocation is involved. */
export function spreadEdgeLocation(clientAddress: string): EdgeLocation {
  return edgeLocation(SHARES[addressHash(clientAddress) % SHARES.length] as string) as EdgeLocation;
}

/** The great-circle distance in kilometers. */
export function distanceKm(a: Coordinates, b: Coordinates): number {
  const [latitude, otherLatitude] = [radians(a.latitude), radians(b.latitude)];
  const cosine =
    Math.sin(latitude) * Math.sin(otherLatitude) +
    Math.cos(latitude) * Math.cos(otherLatitude) * Math.cos(radians(a.longitude - b.longitude));
  return EARTH_RADIUS_KM * Math.acos(Math.min(1, cosine));
}

/** The mean radius: "World Geodetic System 1984". */
const EARTH_RADIUS_KM = 6371;

function radians(degrees: number): number {
  return (degrees * Math.PI) / 180;
}

/** Each code repeated by its percentage. */
const SHARES: readonly string[] = Object.entries(VIEWER_WEIGHTS).flatMap(([code, weight]) =>
  Array.from({ length: weight }, () => code),
);

const EDGE_LOCATIONS: ReadonlyMap<string, EdgeLocation> = new Map(
  [...PLACES].map(([pop, place]) => [
    pop,
    { pop, regional: nearestRegionalCache(place), continent: place.continent },
  ]),
);

function nearestRegionalCache(place: Coordinates): string {
  const distance = (region: string) =>
    distanceKm(place, coordinatesOfRegion(region) as Coordinates);
  return REGIONAL_EDGE_CACHES.reduce<string>(
    (best, region) => (distance(region) < distance(best) ? region : best),
    'us-east-1',
  );
}

/**
 * Mixes the bits, because the low bits of FNV-1a alone repeat with the last digit of an address.
 */
function addressHash(clientAddress: string): number {
  const hash = fnv1a(clientAddress);
  const mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return (mixed ^ (mixed >>> 13)) >>> 0;
}
