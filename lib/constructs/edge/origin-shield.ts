import { Token } from 'aws-cdk-lib';
import { ORIGIN_SHIELD_REGIONS, REGIONS } from '../../model/aws';
import { invalidValue, type Placed } from '../../model/errors';

/**
 * Refuses a region without Origin Shield, which CDK would take and the deployment would not.
 *
 * @param origin what it stands before, as the end of the sentence "the one nearest to …"
 * @throws IsochroneError with the nearest region that has it
 */
export function checkOriginShield(at: Placed, region: string | undefined, origin: string): void {
  if (region === undefined || Token.isUnresolved(region) || ORIGIN_SHIELD_REGIONS.includes(region))
    return;
  const nearest = REGIONS[region]?.originShieldRegion;
  throw invalidValue(at, {
    property: 'originShieldRegion',
    value: region,
    allowed: `one of ${ORIGIN_SHIELD_REGIONS.join(', ')}`,
    rule: 'AWS has Origin Shield in these regions only; CDK takes any text.',
    fix:
      nearest === undefined
        ? `Use the one nearest to ${origin}.`
        : `Use ${nearest}, the nearest to ${region}.`,
  });
}
