import fc from 'fast-check';
import { RECENT_WRITER_COOKIE } from '../../../lambda-edge/route-origin/recent-writer';
import { chooseOrigin } from '../../../lambda-edge/route-origin/route';
import type { RouteOriginSettings } from '../../../lib/model/contracts/edge';

const NOW = 1_795_255_200;
const SETTINGS: RouteOriginSettings = {
  readName: 'read.example.com',
  writeName: 'write.example.com',
  batchName: 'batch.example.com',
  recentWriterSeconds: 10,
  paths: [
    { pattern: '/api/*', batch: [{ pattern: '/api/reports/*' }, { pattern: '/api/*.csv' }] },
    { pattern: '*' },
  ],
};

function request(method: string, uri = '/api/orders', cookies: readonly string[] = []) {
  return {
    clientIp: '192.0.2.1',
    method,
    uri,
    querystring: 'a=1',
    headers: {
      host: [{ key: 'Host', value: 'read.example.com' }],
      ...(cookies.length > 0 ? { cookie: cookies.map((value) => ({ key: 'Cookie', value })) } : {}),
    },
    origin: {
      custom: {
        domainName: 'read.example.com',
        port: 443,
        customHeaders: { 'x-origin-verify': [{ value: 's' }] },
      },
    },
  };
}

const chosen = (...parts: Parameters<typeof request>) =>
  chooseOrigin(request(...parts), SETTINGS, NOW).origin.custom.domainName;
const wrote = (time: number | string) => `${RECENT_WRITER_COOKIE}=${time}`;

test.each(['GET', 'HEAD', 'OPTIONS'])('%s reads from the nearest region', (method) => {
  expect(chosen(method)).toBe('read.example.com');
});

test.each(['POST', 'PUT', 'PATCH', 'DELETE', 'get', ''])(
  '%j goes to the primary region',
  (method) => {
    expect(chosen(method)).toBe('write.example.com');
  },
);

test.each<[string, readonly string[], 'read' | 'write']>([
  ['just now', [wrote(NOW)], 'write'],
  ['within the duration', [wrote(NOW - 10)], 'write'],
  ['too long ago', [wrote(NOW - 11)], 'read'],
  ['by a clock that is ahead', [wrote(NOW + 10)], 'write'],
  ['far in the future', [wrote(NOW + 11)], 'read'],
  ['at an empty time', [wrote('')], 'read'],
  ['at a negative time', [wrote(-5)], 'read'],
  ['at a time with a suffix', [wrote(`${NOW}x`)], 'read'],
  ['at a time in exponents', [wrote('1.795e9')], 'read'],
  ['in a quoted time', [wrote(`"${NOW}"`)], 'read'],
  ['under another name', [`x${wrote(NOW)}`, `isochrone-wrote=${NOW}`], 'read'],
  ['under a name in other case', [wrote(NOW).toLowerCase().replace('host', 'HOST')], 'read'],
  ['beside other cookies', [`a=b;${wrote(NOW)}; c="d"`], 'write'],
  ['in a second header', ['a=b', wrote(NOW)], 'write'],
  ['twice, once recently', [`${wrote(NOW - 99)}; ${wrote(NOW - 1)}`], 'write'],
])('a viewer who wrote %s', (_, cookies, expected) => {
  expect(chosen('GET', '/api/orders', cookies)).toBe(`${expected}.example.com`);
});

test.each(
  Object.entries({
    'GET /api/reports/1': 'batch',
    'POST /api/reports/1': 'batch',
    'GET /api/trades.csv': 'batch',
    // This path belongs to another behavior, without batch patterns.
    'GET /else/reports/1': 'read',
    // CloudFront may have resolved the path, so only the method decides.
    'GET /api/x/../reports/1': 'read',
    'POST /api/x/../reports/1': 'write',
  }),
)('%s goes to %s', (line, expected) => {
  const [method = '', uri] = line.split(' ');
  expect(chosen(method, uri)).toBe(`${expected}.example.com`);
});

test('changes only the Host header and the domain name, and not the argument', () => {
  const given = request('POST');
  const before = structuredClone(given);
  expect(chooseOrigin(given, SETTINGS, NOW)).toEqual({
    ...before,
    headers: { host: [{ key: 'Host', value: 'write.example.com' }] },
    origin: { custom: { ...before.origin.custom, domainName: 'write.example.com' } },
  });
  expect(given).toEqual(before);
});

test('a request to another kind of origin stays unchanged', () => {
  const { origin: _, ...withoutOrigin } = request('POST');
  expect(chooseOrigin(withoutOrigin, SETTINGS, NOW)).toBe(withoutOrigin);
});

test('property: Host has the chosen name, writes avoid the read origin, idempotently', () => {
  const cookie = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.integer().map(wrote),
    fc.constant(wrote(NOW)),
  );
  const requests = fc.tuple(
    fc.constantFrom('GET', 'HEAD', 'POST', 'DELETE', 'x'),
    fc.webPath(),
    fc.array(cookie, { maxLength: 3 }),
  );
  fc.assert(
    fc.property(requests, ([method, uri, cookies]) => {
      const once = chooseOrigin(request(method, uri, cookies), SETTINGS, NOW);
      const name = once.origin.custom.domainName;
      expect(['read.example.com', 'write.example.com', 'batch.example.com']).toContain(name);
      expect(once.headers.host).toEqual([{ key: 'Host', value: name }]);
      if (!['GET', 'HEAD'].includes(method)) expect(name).not.toBe('read.example.com');
      expect(chooseOrigin(once, SETTINGS, NOW)).toEqual(once);
    }),
    { numRuns: 2000 },
  );
});
