/** What a log says of the deployment's keys, whatever the caches hold. */

import type { LogRecord } from '../logs';
import type { Prepared } from '../path';
import { distinctCounter, textHash } from './distinct';
import { keySplitters } from './key-splitters';
import { isRead, objectKey, urlOf } from './object';
import type { ReplayReport } from './report';
import { percentOf } from './tally';
import { unsafeMerges } from './unsafe-merges';

/** Different objects that are counted exactly for the ceilings; above, within about 0.3 percent. */
export const EXACT_OBJECTS = 262_144;

export interface Findings {
  observe(record: LogRecord, prepared: Prepared): void;
  report(): Pick<ReplayReport, 'ceiling' | 'keySplitters' | 'unsafeMerges'>;
}

/** Of requests by GET and HEAD; others cannot be answered from a cache. */
export function findings(): Findings {
  const urls = distinctCounter(EXACT_OBJECTS);
  const keys = distinctCounter(EXACT_OBJECTS);
  const splitters = keySplitters();
  const merges = unsafeMerges();
  let requests = 0;
  // A cache without limits misses each object once.
  const ceiling = (objects: number) => percentOf(Math.max(0, requests - objects), requests);
  return {
    observe(record, prepared) {
      if (!isRead(record.method)) return;
      const url = urlOf(prepared.viewer);
      requests++;
      urls.add(textHash(url));
      keys.add(textHash(objectKey(prepared)));
      splitters.observe(record, url, prepared, prepared.keyed?.request ?? prepared.viewer);
      merges.observe(record, url, prepared);
    },
    report: () => ({
      ceiling: { rawUrlHitPercent: ceiling(urls.count()), keyHitPercent: ceiling(keys.count()) },
      keySplitters: splitters.report(),
      unsafeMerges: merges.report(),
    }),
  };
}
