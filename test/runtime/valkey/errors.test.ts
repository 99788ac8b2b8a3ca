import {
  type CacheErrorKind,
  cacheErrorKind,
  isCommandError,
} from '../../../lib/runtime/valkey/errors';

/** Messages of servers and of the client, by the kind of error that they are. */
const MESSAGES: Partial<Record<CacheErrorKind, readonly string[]>> = {
  auth: [
    'NOAUTH Authentication required.',
    'WRONGPASS invalid username-password pair or user is disabled.',
    'Ready check failed: NOAUTH Authentication required.',
  ],
  loading: ['LOADING Redis is loading the dataset in memory'],
  cluster: [
    'CLUSTERDOWN Hash slot not served',
    'Too many Cluster redirections. Last error: Error: x',
  ],
  busy: ['BUSY Redis is busy running a script.'],
  limit: ['ERR max number of clients reached'],
  full: [
    "OOM command not allowed when used memory > 'maxmemory'.",
    'MISCONF Errors writing to the AOF file',
  ],
  readonly: ["READONLY You can't write against a read only replica."],
  wrongtype: ['WRONGTYPE Operation against a key holding the wrong kind of value'],
  connection: [
    "Stream isn't writeable and enableOfflineQueue options is false",
    'Connection is closed.',
  ],
  timeout: ['connect ETIMEDOUT'],
  other: ['ERR something new'],
};

const CASES = Object.entries(MESSAGES).flatMap(([kind, messages]) =>
  messages.map((message) => [message, kind as CacheErrorKind] as const),
);

test.each(CASES)('%s is classified as %s', (message, kind) => {
  expect(cacheErrorKind(new Error(message))).toBe(kind);
});

test.each(CASES)('%s: only an error of one command leaves the server healthy', (_, kind) => {
  expect(isCommandError(kind)).toBe(['full', 'readonly', 'wrongtype'].includes(kind));
});

test('an error of the network is classified by its code', () => {
  expect(cacheErrorKind(Object.assign(new Error('getaddrinfo'), { code: 'ENOTFOUND' }))).toBe(
    'connection',
  );
});
