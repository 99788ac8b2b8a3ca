import {
  type CloudFrontInvalidation,
  CloudFrontInvalidator,
} from '../../../lib/runtime/invalidation/cloudfront';

const ID = 'E2QWRUHEXAMPLE';

/** A CloudFront that fails with these errors in turn, and then accepts every request. */
function cloudFront(...errors: readonly unknown[]) {
  const sent: CloudFrontInvalidation[] = [];
  const left = [...errors];
  const send = async (request: CloudFrontInvalidation) => {
    sent.push(request);
    const error = left.shift();
    if (error !== undefined) throw error;
  };
  return { sent, send };
}

const named = (name: string) => Object.assign(new Error('said so'), { name });

test('a request has its paths and a reference made of the event and the paths', async () => {
  const { sent, send } = cloudFront();
  const edge = new CloudFrontInvalidator({ distributionId: ID, send });
  expect(await edge.invalidate(['/b', '/a', '/b'], 'event-1')).toEqual([
    { path: '/a' },
    { path: '/b' },
  ]);
  await edge.invalidate(['/a', '/b'], 'event-1');
  await edge.invalidate(['/a', '/b'], 'event-2');
  await edge.invalidate(['/a'], 'event-1');
  expect(sent[0]).toEqual({
    DistributionId: ID,
    InvalidationBatch: {
      CallerReference: expect.stringMatching(/^isochrone-[\w-]{43}$/),
      Paths: { Quantity: 2, Items: ['/a', '/b'] },
    },
  });
  const [first, again, otherEvent, otherPaths] = sent.map(
    ({ InvalidationBatch: { CallerReference } }) => CallerReference,
  );
  expect(again).toBe(first);
  expect(new Set([first, otherEvent, otherPaths]).size).toBe(3);
});

test('requests stay within CloudFront’s limits, and wildcards are sent apart', async () => {
  const { sent, send } = cloudFront();
  const plain = Array.from({ length: 3001 }, (_, i) => `/p/${i}`);
  const wild = Array.from({ length: 16 }, (_, i) => `/w/${i}/*`);
  const outcomes = await new CloudFrontInvalidator({ distributionId: ID, send }).invalidate(
    [...plain, ...wild],
    'e',
  );
  expect(
    sent.map(({ InvalidationBatch: { Paths } }) => [
      Paths.Quantity,
      Paths.Items.filter((path) => path.endsWith('*')).length,
    ]),
  ).toEqual([
    [15, 15],
    [1, 1],
    [3000, 0],
    [1, 0],
  ]);
  expect(outcomes.map(({ path }) => path).sort()).toEqual([...plain, ...wild].sort());
});

test.each([
  named('TooManyInvalidationsInProgress'),
  named('ThrottlingException'),
  named('ServiceUnavailable'),
  named('TimeoutError'),
  Object.assign(new Error('reset'), { code: 'ECONNRESET' }),
  Object.assign(new Error('?'), { $metadata: { httpStatusCode: 503 } }),
  Object.assign(new Error('gone'), { code: 'ECONNREFUSED' }),
  Object.assign(new SyntaxError('<'), { $metadata: { httpStatusCode: 200 } }),
  Object.assign(named('TooManyInvalidationsInProgress'), {
    $fault: 'client',
    $metadata: { httpStatusCode: 400 },
  }),
])('%s is transient: the same request is sent again', async (error) => {
  const { sent, send } = cloudFront(error, error);
  expect(
    await new CloudFrontInvalidator({ distributionId: ID, send, pauseMs: 1 }).invalidate(
      ['/a'],
      'e',
    ),
  ).toEqual([{ path: '/a' }]);
  expect(sent).toHaveLength(3);
  expect(sent[2]).toEqual(sent[0]);
});

test('a path whose request got no answer may be accepted', async () => {
  const { send } = cloudFront(...Array(9).fill(named('TimeoutError')));
  const edge = new CloudFrontInvalidator({ distributionId: ID, send, pauseMs: 0, attempts: 2 });
  expect(await edge.invalidate(['/a'], 'e')).toEqual([
    { path: '/a', error: 'TimeoutError: said so (tries: 2); it may be accepted' },
  ]);
});

test('attempts are bounded, and a path that was not accepted has the reason', async () => {
  const throttled = Object.assign(named('Throttling'), {
    $fault: 'client',
    $metadata: { httpStatusCode: 400 },
  });
  const { sent, send } = cloudFront(...Array(9).fill(throttled));
  const edge = new CloudFrontInvalidator({ distributionId: ID, send, pauseMs: 0, attempts: 3 });
  expect(await edge.invalidate(['/a', '/b'], 'e')).toEqual(
    ['/a', '/b'].map((path) => ({ path, error: 'Throttling: said so (tries: 3)' })),
  );
  expect(sent).toHaveLength(3);
});

test.each(['AccessDenied', 'NoSuchDistribution', 'InvalidArgument'])(
  '%s is permanent: the next request is sent at once',
  async (name) => {
    const refusal = { $fault: 'client', $metadata: { httpStatusCode: 403 } };
    const { sent, send } = cloudFront(Object.assign(named(name), refusal));
    const outcomes = await new CloudFrontInvalidator({ distributionId: ID, send }).invalidate(
      ['/a', '/w*'],
      'e',
    );
    expect(outcomes).toEqual([
      { path: '/w*', error: `${name}: said so (tries: 1)` },
      { path: '/a' },
    ]);
    expect(sent).toHaveLength(2);
  },
);

test('a pause is random, and its bound doubles up to 30 seconds', async () => {
  jest.useFakeTimers();
  try {
    const pauses: number[] = [];
    const timer = jest.spyOn(global, 'setTimeout');
    const { send } = cloudFront(...Array(9).fill(named('Throttling')));
    const asked = new CloudFrontInvalidator({ distributionId: ID, send, attempts: 7 }).invalidate(
      ['/a'],
      'e',
    );
    await jest.runAllTimersAsync();
    await asked;
    pauses.push(...timer.mock.calls.map(([, ms]) => ms as number));
    const bounds = [2000, 4000, 8000, 16_000, 30_000, 30_000];
    expect(pauses).toHaveLength(bounds.length);
    for (const [i, bound] of bounds.entries()) {
      expect(pauses[i]).toBeGreaterThanOrEqual(bound / 2);
      expect(pauses[i]).toBeLessThanOrEqual(bound);
    }
  } finally {
    jest.useRealTimers();
    jest.restoreAllMocks();
  }
});

test('close ends a pause at once, and later requests are tried once', async () => {
  const { sent, send } = cloudFront(named('Throttling'), named('Throttling'));
  const edge = new CloudFrontInvalidator({ distributionId: ID, send, pauseMs: 30_000 });
  const waiting = edge.invalidate(['/a'], 'e');
  await new Promise((resolve) => setImmediate(resolve));
  await edge.close();
  expect(await waiting).toEqual([
    { path: '/a', error: 'Throttling: said so (closed after tries: 1); it may be accepted' },
  ]);
  expect(await edge.invalidate(['/b'], 'e')).toMatchObject([
    { error: expect.stringContaining('closed') },
  ]);
  expect(await edge.invalidate(['/c'], 'e')).toEqual([{ path: '/c' }]);
  expect(sent).toHaveLength(3);
});

test.each([
  [{ distributionId: '' }, { distributionId: ID }],
  [{ distributionId: 'arn:aws:x' }, { distributionId: 'E1' }],
  [
    { distributionId: ID, attempts: 0 },
    { distributionId: ID, attempts: 1 },
  ],
  [
    { distributionId: ID, pauseMs: 30_001 },
    { distributionId: ID, pauseMs: 30_000 },
  ],
])('refuses %j and accepts %j', (wrong, right) => {
  expect(() => new CloudFrontInvalidator(wrong)).toThrow(/^CloudFrontInvalidator: /);
  expect(() => new CloudFrontInvalidator(right)).not.toThrow();
});
