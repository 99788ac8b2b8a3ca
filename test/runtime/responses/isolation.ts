/**
 * Generated requests of many users through `ResponseCache`, behind each framework: each shows who
 * sent it in some header, cookie, parameter or path, and its response must be made for that user.
 */
import type { IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { ResponseCache, type ResponseRoute } from '../../../lib/runtime/responses';
import { TieredCache } from '../../../lib/runtime/tiered-cache';
import type { Isolation } from '../isolation';
import { Random } from '../random';
import { FRAMEWORKS, type FrameworkRequest, type TestRoute, type TestServer } from './servers';

type Route = Partial<ResponseRoute<FrameworkRequest>>;

const verified = new WeakMap<IncomingMessage, string>();
const verifiedUser = (request: FrameworkRequest) =>
  verified.get((request as { raw?: IncomingMessage }).raw ?? (request as IncomingMessage));

/** Routes of every kind. Paths that begin with `/shared` say that all users get one response. */
const ROUTES: Readonly<Record<string, Route>> = {
  '/plain': {},
  '/shared': { shared: true },
  '/user': { user: verifiedUser },
  '/user-allow': { user: verifiedUser, query: { allow: ['a'] } },
  '/vary-key': { varyBy: ['X-API-Key'] },
  '/vary-session': { varyBy: ['authorization', 'cookie'], query: { allow: ['a'] } },
  '/vary-venue': { varyBy: ['x-venue'] },
  '/allow': { query: { allow: ['a'] } },
  '/allow-token': { query: { allow: ['a', 'access_token', 'tenant'] } },
  '/deny': { query: { deny: ['noise', 'token'] } },
  '/none': { query: 'none' },
  '/languages': { languages: ['en', 'de'], query: { allow: ['a'] } },
  '/no-host': { host: false, query: { allow: ['a'] } },
  '/stale': { ttlSeconds: 0.02, staleSeconds: 60, query: { allow: ['a'] } },
  '/if-error': { ttlSeconds: 0.02, staleSeconds: 60, serveStale: 'if-error' },
  '/answer': { ttlSeconds: 'answer', tags: ['answer'] },
  '/paths/:who': { query: { allow: ['a'] } },
};
const PATHS = Object.keys(ROUTES);

/** Names that services give to credentials. The generated ones combine their words. */
const KNOWN = [
  'authorization',
  'proxy-authorization',
  'x-api-key',
  'x-api-key',
  'x-amzn-oidc-identity',
  'x-amz-security-token',
  'x-forwarded-user',
  'x-forwarded-email',
  'cf-access-jwt-assertion',
  'x-goog-iap-jwt-assertion',
  'x-ms-client-principal',
  'x-forwarded-client-cert',
  'remote-user',
  'x-consumer-username',
  'x-scope-orgid',
  'private-token',
  'dpop',
];
const BEFORE = ['x', 'acme', 'x-acme', 'internal', 'service', 'x-shop-v2'];
const WORDS = [
  ...['auth', 'token', 'key', 'secret', 'session', 'credential', 'user', 'identity', 'account'],
  ...['tenant', 'email', 'jwt', 'sso', 'saml', 'principal', 'customer', 'member', 'userid'],
  ...['apikey', 'accesstoken', 'sessionid', 'username', 'login', 'subject', 'uid', 'role'],
];
const AFTER = ['', '', '-id', '-value', '-header', '-v1'];
const PARAMETERS = ['access_token', 'api_key', 'token', 'sig', 'jwt', 'session', 'tenant', 'auth'];
const COOKIES = ['sid', 'connect.sid', 'theme', 'auth', '__Host-session', 'remember_me'];

/** What a request shows of its user, and what it contains beside that. */
interface Asked {
  readonly path: string;
  readonly who: string | undefined;
  readonly text: string;
  /** In places that are not in the key: no response to another request may contain it. */
  readonly taint: string;
}

/** @param cookies the cookies that identify a user on this server */
function request(random: Random, number: number, cookies: 'any' | readonly string[]): Asked {
  let path = random.pick(PATHS);
  const who = random.chance(0.4) ? `who-${random.below(30)}` : undefined;
  const taint = `taint-${number}-of-${who ?? 'nobody'}`;
  const headers: [string, string][] = [
    ['Host', random.pick(['a.example', 'a.example', 'b.example'])],
    ['User-Agent', `Browser/${random.below(50)}`],
  ];
  const query = [`a=${random.below(3)}`];
  const jar: string[] = [];
  const spelled = (name: string) => (random.chance(0.3) ? name.toUpperCase() : name);
  const show = (): void => {
    const kind = random.below(10);
    const invented = `${random.pick(BEFORE)}-${random.pick(WORDS)}${random.pick(AFTER)}`;
    if (kind < 3) headers.push([spelled(random.pick(KNOWN)), `Bearer ${who}`]);
    else if (kind < 5) headers.push([spelled(invented), `${who}`]);
    else if (kind < 6)
      jar.push(`${cookies === 'any' ? random.pick(COOKIES) : random.pick(cookies)}=${who}`);
    else if (kind < 7) query.push(`${random.pick(PARAMETERS)}=${who}`);
    else if (kind < 8) query.push(`${invented.replaceAll('-', '_')}=${who}`);
    else if (kind < 9) query.push(`%61cc%65ss_token=${who}`);
    // Middleware recognizes this user by a header with an innocent name.
    else headers.push(['X-Colour', `${who}`]);
  };
  if (path === '/paths/:who') path = `/paths/${who ?? 'nobody'}`;
  else if (who !== undefined) for (let shown = 0; shown <= random.below(2); shown++) show();
  if (random.chance(0.3))
    query.push(`${random.pick(['noise', 'utm_source', 'cb', 'a.x'])}=${taint}`);
  if (random.chance(0.05)) query.push(`${random.pick(['%61', 'a[]', 'n%6fise'])}=${taint}`);
  if (cookies !== 'any' && random.chance(0.3)) jar.push(`theme=${taint}`);
  if (random.chance(0.3)) headers.push(['X-Request-Id', `${number}`], ['Sec-Fetch-User', '?1']);
  if (random.chance(0.3)) headers.push(['Accept-Language', random.pick(['de', 'en', 'fr'])]);
  if (random.chance(0.2)) headers.push(['X-Venue', random.pick(['XNAS', 'XLON'])]);
  if (random.chance(0.05)) headers.push(['X-Forwarded-Host', taint]);
  if (jar.length > 0) headers.push(['Cookie', jar.join('; ')]);
  if (random.chance(0.5)) query.reverse();
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return { path, who, taint, text: `GET ${path}?${query.join('&')} HTTP/1.1\r\n${lines}\r\n` };
}

/** What a handler finds of users and taints, wherever it looks. */
function findings(request: IncomingMessage): { readonly who: string[]; readonly taints: string[] } {
  const text = `${request.url} ${JSON.stringify(request.headers)} ${verified.get(request) ?? ''}`;
  const found = (pattern: RegExp) => [...new Set(text.match(pattern) ?? [])];
  return { who: found(/(?<!-of-)who-\d+/g), taints: found(/taint-\d+-of-(?:nobody|who-\d+)/g) };
}

const ROUTE_HANDLERS = PATHS.map(
  (path): TestRoute => ({
    path,
    cache: { ttlSeconds: 60, ...ROUTES[path] },
    identify: (request, set) => {
      const [who] = findings(request).who;
      if (who !== undefined) verified.set(request, who);
      if (request.headers['x-colour'] !== undefined) set('user', { id: who });
    },
    handler: (request) => ({
      headers: { 'content-type': 'application/json', 'cache-control': 'max-age=60' },
      body: JSON.stringify(findings(request)),
    }),
  }),
);

/** One connection, with one request at a time. */
class Connection {
  private received = '';
  private settle: (response: { head: string; body: string }) => void = () => {};
  private constructor(private readonly socket: Socket) {
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      this.received += text;
      const end = this.received.indexOf('\r\n\r\n');
      if (end < 0) return;
      const head = this.received.slice(0, end);
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0);
      const body = this.received.slice(end + 4);
      if (body.length < length) return;
      this.received = body.slice(length);
      this.settle({ head, body: body.slice(0, length) });
    });
  }

  static async open(port: number): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => resolve(new Connection(socket)));
      socket.once('error', reject);
    });
  }

  ask(text: string): Promise<{ readonly head: string; readonly body: string }> {
    return new Promise((resolve) => {
      this.settle = resolve;
      this.socket.write(text);
    });
  }

  close(): void {
    this.socket.destroy();
  }
}

/** Connections to each server. Concurrent requests for one key share a run of its handler. */
const CONNECTIONS = 8;

/**
 * Sends requests to two servers of each framework: one on which any cookie may be a session, and
 * one that names its session cookie.
 *
 * @param progress receives the number of requests sent so far
 */
export async function isolationOfResponses(
  seed: number,
  requests: number,
  progress: (sent: number) => void = () => {},
): Promise<Isolation> {
  const result = { requests: 0, hits: 0, bypasses: 0, leaks: 0, examples: [] as string[] };
  const servers: TestServer[] = [];
  const stores: TieredCache[] = [];
  const work: Promise<void>[] = [];
  for (const [, start] of FRAMEWORKS) {
    for (const sessionCookies of ['any', ['sid', 'connect.sid']] as const) {
      const store = new TieredCache({ isolation: 'share' });
      const responses = new ResponseCache({ store, sessionCookies, onWarning: () => {} });
      const server = await start(responses, ROUTE_HANDLERS);
      stores.push(store);
      servers.push(server);
      for (let i = 0; i < CONNECTIONS; i++) {
        const random = new Random(seed * 1000 + work.length);
        const connection = await Connection.open(server.port);
        const share = Math.ceil(requests / (2 * FRAMEWORKS.length * CONNECTIONS));
        work.push(
          (async () => {
            for (let sent = 0; sent < share; sent++) {
              const asked = request(random, result.requests++, sessionCookies);
              judge(asked, await connection.ask(asked.text), result);
              if (result.requests % 10_000 === 0) progress(result.requests);
              if (random.chance(0.001)) await responses.invalidateTags('answer');
            }
            connection.close();
          })(),
        );
      }
    }
  }
  try {
    await Promise.all(work);
  } finally {
    await Promise.all(servers.map((server) => server.close()));
    await Promise.all(stores.map((store) => store.close()));
  }
  return result;
}

function judge(
  { path, who, taint, text }: Asked,
  { head, body }: { readonly head: string; readonly body: string },
  result: { hits: number; bypasses: number; leaks: number; readonly examples: string[] },
): void {
  const state = /\r\nx-cache: (\w+)/i.exec(head)?.[1];
  if (state === 'HIT' || state === 'STALE') result.hits++;
  if (state === 'BYPASS') result.bypasses++;
  if (path === '/shared') return;
  const made = JSON.parse(body) as ReturnType<typeof findings>;
  // What the same user sent before may be in that user's own response.
  const isForeign = made.taints.some(
    (found) => found !== taint && (who === undefined || !found.endsWith(`-of-${who}`)),
  );
  const isOwn = who === undefined ? made.who.length === 0 : made.who.join() === who;
  if (isOwn && !isForeign) return;
  result.leaks++;
  if (result.examples.length < 5) result.examples.push(`${text}${head}\n${body}`);
}
