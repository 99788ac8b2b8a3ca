import { isolationOfQueries } from './isolation';

test('no result reaches another tenant than it was read for', async () => {
  const { requests, hits, bypasses, leaks, examples } = await isolationOfQueries(1, 20_000);
  expect(examples).toEqual([]);
  expect(leaks).toBe(0);
  expect(hits).toBeGreaterThan(requests * 0.3);
  expect(bypasses).toBeGreaterThan(requests * 0.01);
}, 120_000);
