/** The cache key of a response: everything that may change it, as its route declares. */
import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { fieldValue } from './rules';

/**
 * Request headers from which frameworks and handlers build links and choose routes, and which
 * clients can send. They are in every key, so that a forged header poisons only the entry of the
 * clients that send it. `X-Forwarded-For` is not in the list: it differs for each client, and
 * belongs in `varyBy` of the rare route that depends on it.
 */
const ALWAYS_KEYED = [
  'x-forwarded-host',
  'x-forwarded-server',
  'x-forwarded-proto',
  'x-forwarded-protocol',
  'x-forwarded-scheme',
  'x-forwarded-ssl',
  'x-forwarded-port',
  'x-forwarded-prefix',
  'x-forwarded-path',
  'x-host',
  'x-original-host',
  'x-original-url',
  'x-rewrite-url',
  'x-url-scheme',
  'front-end-https',
  'x-requested-with',
];

/**
 * The longest key, in UTF-16 units. Ordinary clients stay below it; a request with a longer key
 * bypasses the cache.
 */
const MAX_KEY_LENGTH = 8192;

/** The parts of a request that a route's keys contain. */
export interface KeyRules {
  readonly host: boolean;
  /** In lower case. */
  readonly varyBy: readonly string[];
  /** Headers of `varyBy` whose values are digested, because keys are stored and logged. */
  readonly secrets: ReadonlySet<string>;
}

/** One request, as its key needs it. */
export interface KeyParts {
  /** As the client sent it. */
  readonly path: string;
  /** What is kept of the query. */
  readonly query: string;
  readonly headers: IncomingHttpHeaders;
  readonly language: string | undefined;
  readonly user: string | undefined;
}

/**
 * Two requests share a key only if all parts are equal byte for byte. GET and HEAD share a key: a
 * HEAD is answered from GET's entry.
 *
 * @returns undefined if the key would be too long
 */
export function keyOf(
  { path, query, headers, language, user }: KeyParts,
  rules: KeyRules,
): string | undefined {
  const value = (name: string): string | null =>
    headers[name] === undefined ? null : fieldValue(headers[name]);
  const forwarded = ALWAYS_KEYED.filter((name) => headers[name] !== undefined).map((name) => [
    name,
    value(name),
  ]);
  // JSON keeps the parts apart: no text of one part can look like two.
  const key = JSON.stringify([
    path,
    query,
    // HTTP/2 sends the host in a pseudo-header.
    rules.host ? (value('host') ?? value(':authority')) : null,
    user ?? null,
    language ?? null,
    rules.varyBy.map((name) => {
      const text = value(name);
      return text !== null && rules.secrets.has(name) ? digest(text) : text;
    }),
    forwarded,
    forwardedOrigin(fieldValue(headers.forwarded)),
  ]);
  return key.length > MAX_KEY_LENGTH ? undefined : key;
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}

/** What `Forwarded` says of the host and the protocol (RFC 7239). `for` and `by` name machines. */
function forwardedOrigin(header: string): string {
  return (header.match(/\b(?:host|proto)\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s;,]*)/gi) ?? []).join(';');
}
