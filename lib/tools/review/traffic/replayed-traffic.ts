/** One log, replayed over the state before a change and the state after it. */
import type { Assembly } from '../../assembly';
import { openLog, type ReplayObjectives, readDistribution, replay } from '../../simulation';
import { type TrafficChange, trafficChange } from './traffic-change';

export interface ReplayedTrafficOptions {
  /** The log, plain or gzip. */
  readonly file: string;
  /** Of the distribution, as in `DistributionModel.id`; needed where an assembly has several. */
  readonly distribution?: string;
  /** @default not judged */
  readonly objectives?: ReplayObjectives;
}

/**
 * @throws IsochroneError if the log cannot be read, or one of the assemblies has no distribution
 * that the model understands
 */
export async function replayedTraffic(
  base: Assembly,
  head: Assembly,
  options: ReplayedTrafficOptions,
): Promise<TrafficChange> {
  const { file, distribution, objectives } = options;
  const [before, after] = [
    readDistribution(base, distribution),
    readDistribution(head, distribution),
  ];
  // One after the other: each holds the caches of all edge locations in memory.
  const replayed = await replay({
    assembly: base,
    distribution: before,
    log: await openLog(file),
    file,
    objectives,
  });
  return trafficChange(
    replayed,
    await replay({
      assembly: head,
      distribution: after,
      log: await openLog(file),
      file,
      objectives,
    }),
  );
}
