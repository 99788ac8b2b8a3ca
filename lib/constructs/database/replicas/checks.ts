/** The checks of replicas: how many, with which parameters, and where. */
import { Token } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { RDS_POSTGRESQL } from '../../../model/aws';
import { invalidValue } from '../../../model/errors';
import type { PostgresReplicaFigures } from '../primary';

/**
 * One place at a source stays free, so that a replacement can be made before the old replica goes.
 */
export const MAX_LEAVES = RDS_POSTGRESQL.replicasPerSource - 1;

export function checkLeaves(scope: Construct, leaves: number, isRemote: boolean): void {
  const min = isRemote ? 0 : 1;
  if (Number.isInteger(leaves) && leaves >= min && leaves <= MAX_LEAVES) return;
  throw invalidValue(scope, {
    property: 'leaves',
    value: leaves,
    allowed: `${min} to ${MAX_LEAVES}`,
    rule: `RDS for PostgreSQL allows ${RDS_POSTGRESQL.replicasPerSource} replicas of one source, and one place is kept for a replacement.`,
    fix:
      leaves < min
        ? 'Ask for at least one, or leave the construct out.'
        : 'Lower `leaves`, or add a second hub.',
  });
}

export function checkLeafParameters(
  scope: Construct,
  byLeaf: Readonly<Record<number, PostgresReplicaFigures>>,
  leaves: number,
): void {
  for (const number of Object.keys(byLeaf)) {
    if (/^[1-9]\d*$/.test(number) && Number(number) <= leaves) continue;
    throw invalidValue(scope, {
      property: 'leafParameters',
      value: number,
      allowed:
        leaves === 0 ? 'left out without leaves' : `by the numbers of the leaves, 1 to ${leaves}`,
      rule: 'Parameters of a leaf that does not exist would be lost without a word.',
      fix: 'Correct the number, or raise `leaves`.',
    });
  }
}

export function checkZones(
  scope: Construct,
  zones: readonly string[],
  covered: readonly string[],
): void {
  if (zones.length === 0) {
    throw invalidValue(scope, {
      property: 'availabilityZones',
      value: zones,
      allowed: 'at least one zone',
      rule: 'Every replica is placed in a zone.',
      fix: 'Leave it out for the zones of the subnets.',
    });
  }
  if (covered.some((zone) => Token.isUnresolved(zone))) return;
  for (const zone of zones) {
    if (Token.isUnresolved(zone) || covered.includes(zone)) continue;
    throw invalidValue(scope, {
      property: 'availabilityZones',
      value: zone,
      allowed: `zones of the subnets: ${[...new Set(covered)].join(', ')}`,
      rule: 'RDS places an instance only in a zone that its subnet group covers.',
      fix: 'Leave it out for all of them.',
    });
  }
}
