/**
 * Orders regions by their distance from another one. It uses a table instead of measurements, so
 * that the result is the same at every synthesis: the question is which oceans to avoid, and that
 * does not change.
 */
import { REGIONS } from './regions';

/**
 * Latitude and longitude, in whole degrees, of the city or state after which AWS names a region:
 * "AWS Regions", AWS global infrastructure.
 */
const PLACES: Readonly<Record<string, readonly [latitude: number, longitude: number]>> = {
  'af-south-1': [-34, 18],
  'ap-east-1': [22, 114],
  'ap-northeast-1': [36, 140],
  'ap-northeast-2': [37, 127],
  'ap-south-1': [19, 73],
  'ap-southeast-1': [1, 104],
  'ap-southeast-2': [-34, 151],
  'ca-central-1': [45, -74],
  'eu-central-1': [50, 9],
  'eu-north-1': [59, 18],
  'eu-south-1': [45, 9],
  'eu-west-1': [53, -6],
  'eu-west-2': [51, 0],
  'eu-west-3': [49, 2],
  'me-south-1': [26, 51],
  'sa-east-1': [-23, -47],
  'us-east-1': [39, -77],
  'us-east-2': [40, -83],
  'us-west-1': [37, -122],
  'us-west-2': [46, -120],
};

/** Where the sea cables of a continent with few direct connections to others come ashore. */
const GATEWAYS: Readonly<Record<string, string>> = {
  africa: 'eu-west-1',
  'south-america': 'us-east-1',
};

/** The regions whose location is known, sorted. */
export const PLACED_REGIONS: readonly string[] = Object.keys(PLACES).sort();

/**
 * The same regions, the nearest first. Regions whose location is not known come last, in their
 * order. If the location of `from` is not known, all regions keep their order.
 */
export function nearestFirst(from: string, regions: readonly string[]): string[] {
  return regions
    .map((region, order) => ({ region, order, distance: distance(from, region) }))
    .sort((a, b) => (a.distance === b.distance ? a.order - b.order : a.distance - b.distance))
    .map(({ region }) => region);
}

/** The distance on great circles in radians, through the gateways of the two continents. */
function distance(from: string, to: string): number {
  const stops = [from, ...gatewayBetween(from, to), ...gatewayBetween(to, from).reverse(), to];
  return stops.slice(1).reduce((sum, stop, i) => sum + greatCircle(stops[i] ?? from, stop), 0);
}

function gatewayBetween(from: string, to: string): string[] {
  const continent = REGIONS[from]?.continent;
  const gateway =
    continent === undefined || continent === REGIONS[to]?.continent
      ? undefined
      : GATEWAYS[continent];
  return gateway === undefined ? [] : [gateway];
}

function greatCircle(from: string, to: string): number {
  const [a, b] = [PLACES[from], PLACES[to]];
  if (from === to) return 0;
  if (a === undefined || b === undefined) return Number.POSITIVE_INFINITY;
  const [latitude, otherLatitude] = [radians(a[0]), radians(b[0])];
  const cosine =
    Math.sin(latitude) * Math.sin(otherLatitude) +
    Math.cos(latitude) * Math.cos(otherLatitude) * Math.cos(radians(a[1] - b[1]));
  return Math.acos(Math.min(1, cosine));
}

function radians(degrees: number): number {
  return (degrees * Math.PI) / 180;
}
