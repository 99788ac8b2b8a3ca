/** Which headers, query parameters and connections show who sent a request. */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';

/**
 * Changes to the rule that says which names are credentials. Names are of headers and of query
 * parameters, in any case. A `*` at the end stands for any rest: `x-acme-*`.
 */
export interface CredentialNames {
  /** Names that identify a user here. @default - none beyond the rule's */
  readonly count?: readonly string[];
  /**
   * Names that identify nobody here, although they look so. They come before `count`. The name
   * `tls-client-certificate` stands for the certificate of a TLS client, which may be that of a
   * proxy.
   *
   * @default - none
   */
  readonly ignore?: readonly string[];
}

/** The name by which `ignore` means the certificate of the connection. */
const CLIENT_CERTIFICATE = 'tls-client-certificate';

/**
 * Headers with a meaning of their own that the words below would match. Browsers, proxies and
 * clients send them for everybody.
 */
const ORDINARY_HEADERS: ReadonlySet<string> = new Set([
  'sec-fetch-user',
  'sec-websocket-key',
  'idempotency-key',
  'x-idempotency-key',
  'surrogate-key',
  'x-cache-key',
  'x-wap-profile',
  'x-playback-session-id',
]);

/** Parameters that campaigns add to links. */
const CAMPAIGN = /^(?:utm|mtm|hsa)_/;

/**
 * Names that none of the words below match: of load balancers, gateways and proxies that
 * authenticate, and of services that take the user from a header.
 */
const KNOWN = new RegExp(
  [
    '^(?:dpop|sudo|x-wsse|openai-project)$',
    '^(?:x-)?(?:ssl-client|tls-client|mtls|amzn-mtls|impersonate|pomerium|tailscale|hasura|vouch)-',
    '^(?:x-)?remote-(?:user|group|extra|name)|^x-client-(?:dn|verify)',
    '^(?:cf-access|ocp-apim|x-goog-iap|x-goog-authenticated|x-ms-client-principal|x-ms-token)-',
    '^x-(?:parse|ibm-client|vercel-protection)-',
  ].join('|'),
);

/** Texts that make a name a credential wherever they stand: `x-authtoken`, `X-LoggedInUser`. */
const STEMS = new RegExp(
  [
    'auth(?!ors?(?![a-z]))|token|secret|credential|passw|passphrase|passport|session|sessid|cookie',
    'jwt|saml|oidc|openid|[cx]srf|signature|(?<!con)cert|principal|identity|user|account|tenant',
    'customer|member|e-?mail|log[io]n|sign-?in|bearer|claims|assertion|subject|subscri|impersonat',
    'cognito|consumer|profile|employee|organi[sz]ation|workspace|api-?key|org-?id|keys?(?![a-z])',
  ].join('|'),
);

/** Whole words of a name that make it a credential, such as `x-org` and `partner-id`. */
const WORDS = new RegExp(
  `(?<![a-z])(?:${[
    'sid|uid|guid|sso|otp|mfa|pin|pass|pwd|psk|hmac|sig|nonce|dn|org|roles?|groups?|scopes?|acl',
    'permissions?|owner|actor|caller|team|realm|ticket|act-as|run-as|behalf|namespace',
    '(?:client|device|visitor|anonymous|guest|install(?:ation)?|app(?:lication)?|partner)-?id',
    '(?:merchant|shop|store|site|seller|vendor|affiliate|company|party|player|agent|project)-?id',
  ].join('|')})(?![a-z])`,
);

/**
 * Parameters that are secrets beyond doubt, without separators. They are credentials also where
 * they are in the key, unless `query.allow` names them: keys are stored and logged.
 */
const SECRET_PARAMETERS: ReadonlySet<string> = new Set([
  'accesstoken',
  'idtoken',
  'refreshtoken',
  'authtoken',
  'sessiontoken',
  'securitytoken',
  'bearertoken',
  'apitoken',
  'bearer',
  'jwt',
  'auth',
  'authorization',
  'authkey',
  'accesskey',
  'apikey',
  'xapikey',
  'subscriptionkey',
  'secret',
  'apisecret',
  'clientsecret',
  'password',
  'passwd',
  'pwd',
  'sessionid',
  'jsessionid',
  'phpsessid',
  'samlresponse',
  'sig',
  'signature',
  'hmac',
  'xamzsignature',
  'xamzcredential',
  'xamzsecuritytoken',
  'xgoogsignature',
  'xgoogcredential',
  'awsaccesskeyid',
  'keypairid',
]);

/** Response headers that hand a credential to the client. */
const HANDED_OUT = new RegExp(
  '^(?:set-cookie2|(?:proxy-)?authentication-info|authorization|x-token)$|[cx]srf|jwt' +
    '|(?:auth|access|id|refresh|session|security|bearer|user|api)-?token',
);

/** Parts of names that the words below would match: of every browser, and of pagination. */
const ORDINARY_PARTS = /user-agent|(?:page|next|continuation)-token/g;

/** Names are remembered up to this number, because clients choose them. */
const MAX_REMEMBERED = 2000;

/**
 * Says which names are credentials. It errs on the safe side: a name that only looks like one costs
 * runs of the handler, and one that is overlooked shows a user's response to others.
 */
export class CredentialRule {
  private readonly headers = new Map<string, boolean>();
  private readonly count: (name: string) => boolean;
  private readonly ignore: (name: string) => boolean;

  constructor({ count = [], ignore = [] }: CredentialNames = {}) {
    this.count = matcher(count);
    this.ignore = matcher(ignore);
  }

  /** Whether a request header identifies a user. `Cookie` is judged by `sessionCookies` instead. */
  header(name: string): boolean {
    const known = this.headers.get(name);
    if (known !== undefined) return known;
    const judged = name !== 'cookie' && !name.startsWith(':') && this.judge(name);
    if (this.headers.size < MAX_REMEMBERED) this.headers.set(name, judged);
    return judged;
  }

  /** The first credential among the headers that is not in the key; undefined if there is none. */
  firstHeader(headers: IncomingHttpHeaders, keyed: ReadonlySet<string>): string | undefined {
    for (const name in headers) if (this.header(name) && !keyed.has(name)) return name;
    return undefined;
  }

  /**
   * Whether a parameter of the query identifies a user.
   *
   * @param name decoded
   * @param isInKey whether the parameter is in the key. If so, only a secret counts: responses for
   * two values are never mixed up.
   */
  parameter(name: string, isInKey: boolean): boolean {
    const lower = name.toLowerCase();
    if (this.ignore(lower)) return false;
    if (this.count(lower) || SECRET_PARAMETERS.has(lower.replace(/[^a-z]/g, ''))) return true;
    return !isInKey && !CAMPAIGN.test(lower) && looksPersonal(name);
  }

  /** Whether a response header hands a credential to its client, who must not share it. */
  handsOut(name: string): boolean {
    return !this.ignore(name) && (HANDED_OUT.test(name) || this.count(name));
  }

  /** Whether the client of a TLS connection presented a certificate. */
  certificate(request: IncomingMessage): boolean {
    const socket = request.socket as Partial<TLSSocket> | undefined;
    if (socket?.encrypted !== true || this.ignore(CLIENT_CERTIFICATE)) return false;
    return Object.keys(socket.getPeerCertificate?.() ?? {}).length > 0;
  }

  private judge(name: string): boolean {
    if (this.ignore(name)) return false;
    return this.count(name) || (!ORDINARY_HEADERS.has(name) && looksPersonal(name));
  }
}

function looksPersonal(name: string): boolean {
  // Words in lower case, separated by hyphens, also of `X_Api_Key` and `apiKey`.
  const words = name
    .replace(/([a-z\d])([A-Z])/g, '$1-$2')
    .toLowerCase()
    .replace(/[^a-z\d]+/g, '-')
    .replace(ORDINARY_PARTS, '');
  return KNOWN.test(words) || STEMS.test(words) || WORDS.test(words);
}

function matcher(names: readonly string[]): (name: string) => boolean {
  const lower = names.map((name) => name.toLowerCase());
  const exact = new Set(lower.filter((name) => !name.endsWith('*')));
  const prefixes = lower.filter((name) => name.endsWith('*')).map((name) => name.slice(0, -1));
  return (name) => exact.has(name) || prefixes.some((prefix) => name.startsWith(prefix));
}
