/**
 * The weekly and daily windows of ElastiCache as times: "CreateReplicationGroup", Amazon
 * ElastiCache API reference. All are in UTC.
 */
import { ELASTICACHE } from './limits';

/** Sunday before dawn in Europe, Saturday evening in America. */
export const DEFAULT_MAINTENANCE_WINDOW = 'sun:03:00-sun:04:00';

/** Apart from the maintenance, with room for what takes longer than its window. */
export const DEFAULT_SNAPSHOT_WINDOW = '05:00-06:00';

const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const TIME = '([01]\\d|2[0-3]):([0-5]\\d)';
const DAY = `(${DAYS.join('|')})`;
export const MAINTENANCE_WINDOW = new RegExp(`^${DAY}:${TIME}-${DAY}:${TIME}$`);
export const SNAPSHOT_WINDOW = new RegExp(`^${TIME}-${TIME}$`);

const DAY_MINUTES = 24 * 60;
const WEEK_MINUTES = 7 * DAY_MINUTES;

/**
 * Minutes from Sunday 00:00 on, or from midnight for a daily window. The end may lie in the next
 * week or day.
 */
interface Window {
  readonly from: number;
  readonly to: number;
}

/** A window such as `sun:03:00-sun:04:00`; nothing for another text, or one that is too short. */
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

/** A window such as `05:00-06:00`; nothing for another text, or one that is too short. */
export function snapshotWindow(text: string): Window | undefined {
  const [, hour, minute, lastHour, lastMinute] = SNAPSHOT_WINDOW.exec(text) ?? [];
  return longEnough(
    Number(hour) * 60 + Number(minute),
    Number(lastHour) * 60 + Number(lastMinute),
    DAY_MINUTES,
  );
}

/**
 * Whether the weekly window meets the daily one, also where one of them runs into the next week.
 */
export function windowsMeet(weekly: Window, daily: Window): boolean {
  return DAYS.some((_, day) =>
    [-WEEK_MINUTES, 0, WEEK_MINUTES].some((week) => {
      const shift = day * DAY_MINUTES + week;
      return weekly.from < daily.to + shift && daily.from + shift < weekly.to;
    }),
  );
}

function longEnough(from: number, end: number, round: number): Window | undefined {
  const to = end > from ? end : end + round;
  // Not so for a text that was no window: its figures are no numbers.
  return to - from >= ELASTICACHE.windowMinutes ? { from, to } : undefined;
}
