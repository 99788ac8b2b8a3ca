/**
 * Parses the weekly and daily windows of ElastiCache, which are in UTC: "CreateReplicationGroup",
 * Amazon ElastiCache API reference.
 */
import { ELASTICACHE } from './limits';

/** A Sunday before dawn in Europe, and Saturday evening in America. */
export const DEFAULT_MAINTENANCE_WINDOW = 'sun:03:00-sun:04:00';

/** After the maintenance window, with a margin for maintenance that takes longer. */
export const DEFAULT_SNAPSHOT_WINDOW = '05:00-06:00';

const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const TIME = '([01]\\d|2[0-3]):([0-5]\\d)';
const DAY = `(${DAYS.join('|')})`;
export const MAINTENANCE_WINDOW = new RegExp(`^${DAY}:${TIME}-${DAY}:${TIME}$`);
export const SNAPSHOT_WINDOW = new RegExp(`^${TIME}-${TIME}$`);

const DAY_MINUTES = 24 * 60;
const WEEK_MINUTES = 7 * DAY_MINUTES;

/**
 * A window in minutes after Sunday 00:00, or after midnight for a daily window. The end may be in
 * the next week or day.
 */
interface Window {
  readonly from: number;
  readonly to: number;
}

/** Parses `sun:03:00-sun:04:00`. Returns undefined if it is malformed or too short. */
export function maintenanceWindow(text: string): Window | undefined {
  const [, day = '', hour, minute, lastDay = '', lastHour, lastMinute] =
    MAINTENANCE_WINDOW.exec(text) ?? [];
  const minutes = (of: string, h?: string, m?: string) =>
    DAYS.indexOf(of) * DAY_MINUTES + Number(h) * 60 + Number(m);
  return longEnough(
    minutes(day, hour, minute),
    minutes(lastDay, lastHour, lastMinute),
    WEEK_MINUTES,
  );
}

/** Parses `05:00-06:00`. Returns undefined if it is malformed or too short. */
export function snapshotWindow(text: string): Window | undefined {
  const [, hour, minute, lastHour, lastMinute] = SNAPSHOT_WINDOW.exec(text) ?? [];
  return longEnough(
    Number(hour) * 60 + Number(minute),
    Number(lastHour) * 60 + Number(lastMinute),
    DAY_MINUTES,
  );
}

/** Whether the weekly window overlaps the daily one, even across the end of the week. */
export function windowsMeet(weekly: Window, daily: Window): boolean {
  return DAYS.some((_, day) =>
    [-WEEK_MINUTES, 0, WEEK_MINUTES].some((week) => {
      const shift = day * DAY_MINUTES + week;
      return weekly.from < daily.to + shift && daily.from + shift < weekly.to;
    }),
  );
}

function longEnough(from: number, end: number, cycle: number): Window | undefined {
  const to = end > from ? end : end + cycle;
  // For a malformed text, the figures are NaN and the comparison is false.
  return to - from >= ELASTICACHE.windowMinutes ? { from, to } : undefined;
}
