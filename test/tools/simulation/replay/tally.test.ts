import { histogram, replayTimeline } from '../../../../lib/tools/simulation/replay/tally';

describe('percentiles', () => {
  test.each([50, 95, 99])(
    'percentile %i is within one percent, also of two merged histograms',
    (percent) => {
      const [odd, even] = [histogram(), histogram()];
      for (let ms = 1; ms <= 10_000; ms++) (ms % 2 === 0 ? even : odd).add(ms);
      even.merge(odd);
      expect(Math.abs(even.percentile(percent) / (percent * 100) - 1)).toBeLessThan(0.0101);
    },
  );

  test('are 0 for an empty histogram', () => {
    expect(histogram().percentile(95)).toBe(0);
  });
});

describe('the timeline', () => {
  test('has a point for each second of a short log', () => {
    const timeline = replayTimeline(2);
    const start = Date.UTC(2024, 0, 1);
    for (const seconds of [0, 0.5, 2]) timeline.request(start + seconds * 1000);
    timeline.hit(start + 500, 1);
    expect(timeline.report()).toEqual([
      { at: '2024-01-01T00:00:00.000Z', requests: 2, hitPercent: { low: 0, high: 50 } },
      { at: '2024-01-01T00:00:01.000Z', requests: 0, hitPercent: { low: 0, high: 0 } },
      { at: '2024-01-01T00:00:02.000Z', requests: 1, hitPercent: { low: 0, high: 0 } },
    ]);
  });

  test('has at most a hundred points for ten years, and counts every request', () => {
    const timeline = replayTimeline(1);
    for (let day = 0; day < 3650; day++) {
      timeline.request(day * 86_400_000);
      timeline.hit(day * 86_400_000, 0);
    }
    const points = timeline.report();
    expect(points.length).toBeLessThanOrEqual(100);
    expect(points.reduce((sum, { requests }) => sum + requests, 0)).toBe(3650);
    expect(
      points.every(({ requests, hitPercent }) => requests === 0 || hitPercent.low === 100),
    ).toBe(true);
  });
});
