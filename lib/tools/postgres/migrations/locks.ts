import type { SqlName } from '../../../model/sql';

/** The locks of a table from weak to strong ("Explicit Locking", PostgreSQL documentation). */
export const LOCKS = [
  'ACCESS SHARE',
  'ROW SHARE',
  'ROW EXCLUSIVE',
  'SHARE UPDATE EXCLUSIVE',
  'SHARE',
  'SHARE ROW EXCLUSIVE',
  'EXCLUSIVE',
  'ACCESS EXCLUSIVE',
] as const;
export type Lock = (typeof LOCKS)[number];

/** A lock that a statement takes on a table, and that its transaction keeps. */
export interface TableLock {
  readonly table: SqlName;
  readonly lock: Lock;
}

/** Whether the lock stops those who write to the table; the strongest stops readers too. */
export function stopsWriters(lock: Lock): boolean {
  return LOCKS.indexOf(lock) >= LOCKS.indexOf('SHARE');
}

/** The strongest of some locks; the weakest of all if there is none. */
export function strongest(locks: readonly Lock[]): Lock {
  return LOCKS[Math.max(0, ...locks.map((lock) => LOCKS.indexOf(lock)))] ?? 'ACCESS SHARE';
}
