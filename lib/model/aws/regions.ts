/**
 * Facts about AWS's regions: the continent, the availability zones, the nearest Origin Shield, and
 * the prefix list of CloudFront's origin-facing servers.
 *
 * A table instead of look-ups, so that synthesis needs neither credentials nor a network and gives
 * the same bytes twice. To use a region that is missing here, give the facts as props.
 *
 * Sources:
 * - zones: "Regions and Zones", Amazon EC2 user guide. They are letters, not zone ids. In us-west-1
 *   and ap-northeast-1 the letters depend on the account: older accounts have another one.
 * - Origin Shield: "Choosing the AWS Region for Origin Shield", Amazon CloudFront developer guide.
 * - prefix lists: `com.amazonaws.global.cloudfront.origin-facing`, whose id is fixed per region.
 */

/** The part of the world of a region, by which cache tiers can have TTLs. */
export type Continent =
  | 'africa'
  | 'apac'
  | 'europe'
  | 'middle-east'
  | 'north-america'
  | 'south-america';

/** Facts about one region. */
export interface RegionFacts {
  readonly continent: Continent;
  /**
   * The letters of the availability zones: `abc` stands for `<region>a`, `<region>b`, `<region>c`.
   */
  readonly zoneLetters: string;
  /** The Origin Shield region with the lowest latency to an origin in this region. */
  readonly originShieldRegion: string;
  /** The id of the managed prefix list of CloudFront's origin-facing servers, if known. */
  readonly cloudFrontPrefixListId?: string;
}

function region(
  continent: Continent,
  zoneLetters: string,
  originShieldRegion: string,
  cloudFrontPrefixListId?: string,
): RegionFacts {
  return { continent, zoneLetters, originShieldRegion, cloudFrontPrefixListId };
}

/** The facts by the name of the region. */
export const REGIONS: Readonly<Record<string, RegionFacts>> = {
  'af-south-1': region('africa', 'abc', 'eu-west-1', 'pl-c0aa4fa9'),
  'ap-east-1': region('apac', 'abc', 'ap-southeast-1', 'pl-14b2577d'),
  'ap-northeast-1': region('apac', 'acd', 'ap-northeast-1', 'pl-58a04531'),
  'ap-northeast-2': region('apac', 'abcd', 'ap-northeast-2', 'pl-22a6434b'),
  'ap-south-1': region('apac', 'abc', 'ap-south-1', 'pl-9aa247f3'),
  'ap-southeast-1': region('apac', 'abc', 'ap-southeast-1', 'pl-31a34658'),
  'ap-southeast-2': region('apac', 'abc', 'ap-southeast-2', 'pl-b8a742d1'),
  'ca-central-1': region('north-america', 'abd', 'us-east-1', 'pl-38a64351'),
  'eu-central-1': region('europe', 'abc', 'eu-central-1', 'pl-a3a144ca'),
  'eu-north-1': region('europe', 'abc', 'eu-west-2', 'pl-fab65393'),
  'eu-south-1': region('europe', 'abc', 'eu-central-1', 'pl-1bbc5972'),
  'eu-west-1': region('europe', 'abc', 'eu-west-1', 'pl-4fa04526'),
  'eu-west-2': region('europe', 'abc', 'eu-west-2', 'pl-93a247fa'),
  'eu-west-3': region('europe', 'abc', 'eu-west-2', 'pl-75b1541c'),
  'me-south-1': region('middle-east', 'abc', 'ap-south-1', 'pl-17b2577e'),
  'sa-east-1': region('south-america', 'abc', 'sa-east-1', 'pl-5da64334'),
  'us-east-1': region('north-america', 'abcdef', 'us-east-1', 'pl-3b927c52'),
  'us-east-2': region('north-america', 'abc', 'us-east-2', 'pl-b6a144df'),
  'us-west-1': region('north-america', 'abc', 'us-west-2', 'pl-4ea04527'),
  'us-west-2': region('north-america', 'abcd', 'us-west-2', 'pl-82a045eb'),
};

/** The names of all regions in the table, sorted. */
export const REGION_NAMES: readonly string[] = Object.keys(REGIONS).sort();

/** The regions with Origin Shield, sorted. Each is its own nearest Origin Shield region. */
export const ORIGIN_SHIELD_REGIONS: readonly string[] = REGION_NAMES.filter(
  (name) => REGIONS[name]?.originShieldRegion === name,
);

/**
 * The region of CloudFront's control plane, the only one for its certificates, web ACLs, edge
 * functions, metrics and log deliveries.
 */
export const CLOUDFRONT_REGION = 'us-east-1';

/** The availability zones of a region, such as `eu-west-1a`; empty for an unknown region. */
export function zonesOf(regionName: string): readonly string[] {
  return [...(REGIONS[regionName]?.zoneLetters ?? '')].map((letter) => `${regionName}${letter}`);
}
