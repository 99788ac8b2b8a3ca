import { describeFailure, isRefused, isTransient } from '../../lib/model/outcome';

/** An error as the AWS SDK throws it for an answer of this status. */
const answer = (status: number, name = 'Unknown', facts: object = {}) =>
  Object.assign(new Error('said AWS'), {
    name,
    $fault: status >= 500 ? 'server' : 'client',
    $metadata: { httpStatusCode: status },
    ...facts,
  });
const page = (status: number) =>
  Object.assign(new SyntaxError('Unexpected token'), { $metadata: { httpStatusCode: status } });
const broken = (code: string) =>
  Object.assign(new Error(code), { code, $metadata: { attempts: 1 } });

test.each<[string, unknown, { refused: boolean; transient: boolean }]>([
  ['a refusal', answer(400, 'AccessDeniedException'), { refused: true, transient: false }],
  ['a refusal without a name', answer(403), { refused: true, transient: false }],
  [
    'expired credentials',
    answer(400, 'ExpiredTokenException'),
    { refused: true, transient: false },
  ],
  ['a conflict', answer(409, 'ResourceConflictException'), { refused: true, transient: false }],
  ['throttling by name', answer(400, 'ThrottlingException'), { refused: true, transient: true }],
  ['throttling by status', answer(429), { refused: true, transient: true }],
  [
    'an error that the model calls retryable',
    answer(400, 'Busy', { $retryable: {} }),
    { refused: true, transient: true },
  ],
  [
    'a wrong clock that the SDK corrects',
    answer(403, 'RequestExpired', {
      $metadata: { httpStatusCode: 403, clockSkewCorrected: true },
    }),
    { refused: true, transient: true },
  ],
  ['a wrong clock', answer(403, 'RequestExpired'), { refused: true, transient: false }],
  ['a request that took too long', answer(408), { refused: false, transient: true }],
  ['a redirection', answer(302), { refused: false, transient: true }],
  ['an internal error', answer(500, 'InternalFailure'), { refused: false, transient: true }],
  ['an unknown server error', answer(599, 'New'), { refused: false, transient: true }],
  [
    'a name of a refusal with status 500',
    answer(500, 'AccessDeniedException'),
    { refused: false, transient: true },
  ],
  ['a page of a proxy, 502', page(502), { refused: false, transient: true }],
  ['a page of a proxy, 403', page(403), { refused: false, transient: true }],
  ['a page of a proxy, 200', page(200), { refused: false, transient: true }],
  ...[
    'ECONNRESET',
    'EPIPE',
    'ETIMEDOUT',
    'ECONNREFUSED',
    'ENOTFOUND',
    'EAI_AGAIN',
    'EHOSTUNREACH',
    'CERT_HAS_EXPIRED',
    'EPROTO',
  ].map((code): [string, unknown, { refused: boolean; transient: boolean }] => [
    code,
    broken(code),
    { refused: false, transient: true },
  ]),
  ['an error of anything else', new TypeError('x'), { refused: false, transient: true }],
  ['what is no error', undefined, { refused: false, transient: true }],
])('%s', (_what, error, { refused, transient }) => {
  expect([isRefused(error), isTransient(error)]).toEqual([refused, transient]);
});

test.each([
  [answer(500, 'InternalFailure'), 'InternalFailure: said AWS'],
  [page(502), "HTTP 502 with an answer that is not AWS's"],
  [broken('EPIPE'), 'Error: EPIPE'],
  ['text', 'text'],
])('%s is described', (error, text) => {
  expect(describeFailure(error)).toBe(text);
});
