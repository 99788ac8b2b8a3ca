import { markWriter } from '../../../lambda-edge/route-origin/mark';

const NOW = 1_795_255_200;
const SETTINGS = { recentWriterSeconds: 10 };
const MARK = `__Host-isochrone-wrote=${NOW}; Max-Age=10; Path=/; Secure; HttpOnly; SameSite=Lax`;

function response(status: string, ...cookies: string[]) {
  const setCookie = cookies.map((value) => ({ key: 'Set-Cookie', value }));
  return {
    status,
    statusDescription: 'Whatever',
    headers: {
      'content-type': [{ key: 'Content-Type', value: 'text/html' }],
      ...(cookies.length > 0 ? { 'set-cookie': setCookie } : {}),
    },
  };
}

const cookiesOf = ({ headers }: { headers: Record<string, { value: string }[]> }) =>
  headers['set-cookie']?.map(({ value }) => value);

test.each([
  'POST 200',
  'POST 201',
  'PUT 204',
  'PATCH 200',
  'DELETE 399',
  // The response to a form.
  'POST 303',
  'post 200',
])('a response is marked: %s', (exchange) => {
  const [method = '', status = ''] = exchange.split(' ');
  const given = response(status);
  expect(markWriter(given, { method }, SETTINGS, NOW)).toEqual({
    ...given,
    headers: { ...given.headers, 'set-cookie': [{ key: 'Set-Cookie', value: MARK }] },
  });
});

test.each(['POST 400', 'DELETE 404', 'PUT 503', 'GET 200', 'HEAD 200', 'OPTIONS 204', 'GET 500'])(
  'a response stays unchanged: %s',
  (exchange) => {
    const [method = '', status = ''] = exchange.split(' ');
    const given = response(status);
    expect(markWriter(given, { method }, SETTINGS, NOW)).toBe(given);
  },
);

test.each<[string, string[], boolean]>([
  ['another cookie', ['id=7; Path=/'], true],
  ['a cookie whose name begins like it', ['__Host-isochrone-wrote2=1'], true],
  ['a cookie whose value holds it', ['a=__Host-isochrone-wrote=1'], true],
  ['a name in other case, which is another cookie', ['__host-isochrone-wrote=1'], true],
  ['that cookie', ['__Host-isochrone-wrote=5; Max-Age=60; Path=/; Secure'], false],
  ['that cookie, taken back', ['__Host-isochrone-wrote=; Max-Age=0; Path=/; Secure'], false],
  ['that cookie with white space around it', [' __Host-isochrone-wrote =5'], false],
  ['that cookie as the second one', ['id=7', '__Host-isochrone-wrote=5'], false],
])('an origin that sets %s', (_, cookies, marked) => {
  const given = response('200', ...cookies);
  const before = structuredClone(given);
  const made = markWriter(given, { method: 'POST' }, SETTINGS, NOW);
  expect(cookiesOf(made as never)).toEqual(marked ? [...cookies, MARK] : cookies);
  expect(given).toEqual(before);
});

test('marking a response again does not change it', () => {
  const once = markWriter(response('200'), { method: 'POST' }, SETTINGS, NOW);
  expect(markWriter(once, { method: 'POST' }, SETTINGS, NOW + 1)).toBe(once);
});
