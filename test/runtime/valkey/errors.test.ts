import {
  type CacheErrorKind,
  cacheErrorKind,
  isCommandError,
} from '../../../lib/runtime/valkey/errors';

test.each<[string, CacheErrorKind, boolean]>([
  ['NOAUTH Authentication required.', 'auth', false],
  ['WRONGPASS invalid username-password pair or user is disabled.', 'auth', false],
  ['Ready check failed: NOAUTH Authentication required.', 'auth', false],
  ['LOADING Redis is loading the dataset in memory', 'loading', false],
  ['CLUSTERDOWN Hash slot not served', 'cluster', false],
  ['Too many Cluster redirections. Last error: Error: x', 'cluster', false],
  ['BUSY Redis is busy running a script.', 'busy', false],
  ['ERR max number of clients reached', 'limit', false],
  ["OOM command not allowed when used memory > 'maxmemory'.", 'full', true],
  ['MISCONF Errors writing to the AOF file', 'full', true],
  ["READONLY You can't write against a read only replica.", 'readonly', true],
  ['WRONGTYPE Operation against a key holding the wrong kind of value', 'wrongtype', true],
  ["Stream isn't writeable and enableOfflineQueue options is false", 'connection', false],
  ['Connection is closed.', 'connection', false],
  ['connect ETIMEDOUT', 'timeout', false],
  ['ERR something new', 'other', false],
])('an error of the server is classified by its code: %s', (message, kind, isCommand) => {
  expect(cacheErrorKind(new Error(message))).toBe(kind);
  expect(isCommandError(kind)).toBe(isCommand);
});

test('an error of the network is classified by its code', () => {
  expect(cacheErrorKind(Object.assign(new Error('getaddrinfo'), { code: 'ENOTFOUND' }))).toBe(
    'connection',
  );
});
