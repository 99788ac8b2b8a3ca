import { judge, type ReplaySlice } from '../../../../lib/tools/simulation/replay/report';

describe('objectives', () => {
  const slice = {
    hitPercent: { low: 80, high: 95 },
    latencyMs: { p95: { low: 40, high: 60 } },
  } as ReplaySlice;

  test.each<[number, number, boolean, boolean]>([
    [80, 60, true, true],
    [81, 59, false, false],
    [95, 40, false, false],
  ])(
    'a target of %i %% hits and %i ms, for a replay with 80 to 95 %% and 40 to 60 ms',
    (cacheHitPercent, p95LatencyMs, hits, latency) => {
      expect(judge({ cacheHitPercent, p95LatencyMs }, slice).map(({ met }) => met)).toEqual([
        hits,
        latency,
      ]);
    },
  );
});
