/** Whether a replay keeps what the deployment file promises. */
import type { Objective, ReplaySlice } from './report';

/** As `objectives` of the deployment file. */
export interface ReplayObjectives {
  readonly cacheHitPercent: number;
  readonly p95LatencyMs: number;
}

/** By the worse end of each span: what holds only if edge locations are large is not promised. */
export function judge(
  { cacheHitPercent, p95LatencyMs }: ReplayObjectives,
  { hitPercent, latencyMs }: ReplaySlice,
): Objective[] {
  return [
    {
      name: 'cacheHitPercent',
      target: cacheHitPercent,
      actual: hitPercent,
      met: hitPercent.low >= cacheHitPercent,
    },
    {
      name: 'p95LatencyMs',
      target: p95LatencyMs,
      actual: latencyMs.p95,
      met: latencyMs.p95.high <= p95LatencyMs,
    },
  ];
}
