import { IsochroneError } from '../../../lib/model/errors';
import { completeServerOptions } from '../../../lib/runtime/valkey/options';
import { ValkeyServer } from '../../../lib/runtime/valkey/server';

const at = { host: 'cache.example' };

test('an option that is undefined gets its default', () => {
  expect(
    completeServerOptions({ ...at, port: undefined, commandTimeoutMs: undefined }),
  ).toMatchObject({
    port: 6379,
    commandTimeoutMs: 50,
    breakAfter: 3,
    namespace: 'cache',
    cluster: false,
  });
});

test.each([
  [{ host: '' }, 'host must be a host name'],
  [{ ...at, port: 0 }, 'port must be a whole number from 1 to 65535, got 0'],
  [{ ...at, port: 70_000 }, 'got 70000'],
  [{ ...at, commandTimeoutMs: 0 }, 'commandTimeoutMs must be a whole number from 1'],
  [{ ...at, commandTimeoutMs: Number.POSITIVE_INFINITY }, 'got Infinity'],
  [{ ...at, breakAfter: 1.5 }, 'breakAfter'],
  [{ ...at, lockTtlMs: 29 }, 'lockTtlMs must be a whole number from 30'],
  [{ ...at, reauthenticateMs: 2_147_483_648 }, 'reauthenticateMs'],
  [{ ...at, namespace: '' }, 'namespace'],
  [{ ...at, namespace: 'a{b}' }, 'namespace'],
  [{ ...at, namespace: 'a*' }, 'namespace'],
  [{ ...at, namespace: 'a:tag' }, 'do not end in `:tag`'],
  [{ ...at, nodes: [{ host: 'b', port: 1 }] }, 'nodes must be left out without `cluster`'],
])('%j is refused', (options, message) => {
  expect(() => new ValkeyServer(options)).toThrow(IsochroneError);
  expect(() => new ValkeyServer(options)).toThrow(message);
});

test.each([
  { ...at, port: 65_535 },
  { ...at, commandTimeoutMs: 1 },
  { ...at, lockTtlMs: 30 },
  { ...at, namespace: 'tagged' },
  { ...at, namespace: 'market:v1/eu-west.1_b' },
  { ...at, cluster: true, nodes: [{ host: 'b', port: 1 }] },
])('%j is accepted', (options) => {
  expect(() => completeServerOptions(options)).not.toThrow();
});
