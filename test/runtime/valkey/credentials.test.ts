import { CacheCredentials } from '../../../lib/runtime/valkey/credentials';

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

function source(password: string | (() => string | Promise<string>)) {
  const errors: unknown[] = [];
  const renewals: (string | undefined)[] = [];
  const credentials: CacheCredentials = new CacheCredentials({
    password,
    passwordRefreshMs: 600_000,
    onError: (error) => errors.push(error),
    onRenewed: () => renewals.push(credentials.current),
  });
  return { credentials, errors, renewals };
}

test('a fixed password never changes', async () => {
  const { credentials, renewals } = source('secret');
  await credentials.refresh();
  await jest.advanceTimersByTimeAsync(3_600_000);
  expect([credentials.current, credentials.changing, renewals.length]).toEqual([
    'secret',
    false,
    0,
  ]);
});

test('a password source is called every ten minutes, and never concurrently', async () => {
  let calls = 0;
  const { credentials, renewals } = source(async () => `token ${++calls}`);
  await Promise.all([credentials.refresh(), credentials.refresh()]);
  expect(credentials.current).toBe('token 1');
  await jest.advanceTimersByTimeAsync(1_800_000);
  expect(renewals).toEqual(['token 1', 'token 2', 'token 3', 'token 4']);
  credentials.close();
  await jest.advanceTimersByTimeAsync(1_800_000);
  expect([calls, jest.getTimerCount()]).toEqual([4, 0]);
});

test('a source that fails keeps the last password, and is called after two seconds', async () => {
  const answers = ['first', undefined, undefined, 'second'];
  const { credentials, errors } = source(async () => {
    const answer = answers.shift();
    if (answer === undefined) throw new Error('no credentials');
    return answer;
  });
  await credentials.refresh();
  await jest.advanceTimersByTimeAsync(600_000);
  expect([credentials.current, errors.length]).toEqual(['first', 1]);
  await jest.advanceTimersByTimeAsync(2_000);
  expect([credentials.current, errors.length]).toEqual(['first', 2]);
  await jest.advanceTimersByTimeAsync(2_000);
  expect([credentials.current, errors.length]).toEqual(['second', 2]);
});
