import { Token } from 'aws-cdk-lib';
import {
  DEFAULT_MAINTENANCE_WINDOW,
  DEFAULT_SNAPSHOT_WINDOW,
  ELASTICACHE,
  maintenanceWindow,
  snapshotWindow,
  windowsMeet,
} from '../../model/aws';
import { invalidValue, type Placed } from '../../model/errors';

/**
 * The windows of a cache: well written, an hour long at least, and apart.
 *
 * @param snapshots nothing where no snapshots are taken
 */
export function checkWindows(at: Placed, maintenance: string, snapshots: string | undefined): void {
  const weekly = Token.isUnresolved(maintenance) ? undefined : maintenanceWindow(maintenance);
  if (weekly === undefined && !Token.isUnresolved(maintenance)) {
    throw invalidValue(at, {
      property: 'maintenanceWindow',
      value: maintenance,
      allowed: `a time of the week in UTC, ${ELASTICACHE.windowMinutes} minutes at least`,
      rule: 'ElastiCache takes days as mon to sun, and hours from 00 to 23.',
      fix: `Write it like '${DEFAULT_MAINTENANCE_WINDOW}'.`,
    });
  }
  if (snapshots === undefined || Token.isUnresolved(snapshots)) return;
  const daily = snapshotWindow(snapshots);
  if (daily === undefined) {
    throw invalidValue(at, {
      property: 'snapshotWindow',
      value: snapshots,
      allowed: `a time of the day in UTC, ${ELASTICACHE.windowMinutes} minutes at least`,
      rule: 'ElastiCache begins the snapshot of each day within it.',
      fix: `Write it like '${DEFAULT_SNAPSHOT_WINDOW}'.`,
    });
  }
  if (weekly === undefined || !windowsMeet(weekly, daily)) return;
  throw invalidValue(at, {
    property: 'maintenanceWindow',
    value: maintenance,
    allowed: `apart from the snapshot window, ${snapshots} each day`,
    rule: 'Maintenance replaces nodes one after the other; the copy of a snapshot would take memory and CPU of those that carry on.',
    fix: 'Move one of the two, `maintenanceWindow` or `snapshotWindow`.',
  });
}
