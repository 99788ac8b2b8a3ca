import { UsualTime } from '../../../lib/runtime/replicas/usual-time';

/** Evenly spread from 0 to 1, and always the same. */
const spread = (n: number) => (n * 0.618_033_988_749_895) % 1;

describe('UsualTime', () => {
  test('is unknown at first, and then near the 95th percentile', () => {
    const usual = new UsualTime();
    expect(usual.ms).toBeUndefined();
    const estimates: number[] = [];
    for (let n = 0; n < 20_000; n += 1) {
      usual.add(100 * spread(n));
      if (n > 10_000) estimates.push(usual.ms as number);
    }
    const mean = estimates.reduce((sum, each) => sum + each, 0) / estimates.length;
    expect(mean).toBeGreaterThan(85);
    expect(mean).toBeLessThan(105);
  });

  test('is hardly moved by one long time, and follows a change', () => {
    const usual = new UsualTime();
    for (let n = 0; n < 500; n += 1) usual.add(10);
    const before = usual.ms as number;
    usual.add(60_000);
    expect(usual.ms).toBeLessThan(before * 1.3);
    for (let n = 0; n < 50; n += 1) usual.add(1_000);
    expect(usual.ms).toBeGreaterThan(900);
  });

  test('does not stay at zero', () => {
    const usual = new UsualTime();
    usual.add(0);
    for (let n = 0; n < 100; n += 1) usual.add(50);
    expect(usual.ms).toBeGreaterThan(40);
  });
});
