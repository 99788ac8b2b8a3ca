import { isolationOfResponses } from './isolation';

test('no response reaches another user than it was made for', async () => {
  const { requests, hits, bypasses, leaks, examples } = await isolationOfResponses(1, 12_000);
  expect(examples).toEqual([]);
  expect(leaks).toBe(0);
  expect(hits).toBeGreaterThan(requests * 0.3);
  expect(bypasses).toBeGreaterThan(requests * 0.1);
}, 120_000);
