import { isolationOfQuestions } from './isolation';

test('no answer reaches another tenant than it was made for', async () => {
  const { requests, hits, bypasses, leaks, examples } = await isolationOfQuestions(1, 10_000);
  expect(examples).toEqual([]);
  expect(leaks).toBe(0);
  expect(hits).toBeGreaterThan(requests * 0.3);
  expect(bypasses).toBeGreaterThan(requests * 0.01);
}, 120_000);
