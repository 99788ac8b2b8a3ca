/** The key of an answer: everything that may change it, as far as the route says what that is. */
import type { IncomingHttpHeaders } from 'node:http';
import { type QueryKey, queryOfKey } from './query';
import { headerText } from './rules';

/**
 * Frameworks and handlers build links and choose routes from these, and clients can send them. They
 * are in every key, so that who sends them poisons an entry of his own at most. `X-Forwarded-For`
 * is not: it differs for each client and belongs to `varyBy` of the rare answer that depends on it.
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
];

/** A longer key is somebody playing; the request is passed on. */
const MAX_KEY_LENGTH = 8192;

export interface KeyRules {
  readonly host: boolean;
  readonly query: QueryKey;
  /** In lower case. */
  readonly varyBy: readonly string[];
}

export interface KeyParts {
  /** The request target as the client sent it. */
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
  readonly language: string | undefined;
  readonly user: string | undefined;
}

/**
 * Two requests share a key only if all parts are the same bytes. GET and HEAD share one: a HEAD is
 * answered from GET's entry.
 *
 * @returns nothing if it would be too long
 */
export function keyOf(
  { target, headers, language, user }: KeyParts,
  rules: KeyRules,
): string | undefined {
  const mark = target.indexOf('?');
  const path = mark < 0 ? target : target.slice(0, mark);
  const query = mark < 0 ? '' : queryOfKey(target.slice(mark + 1), rules.query);
  const value = (name: string): string | null =>
    headers[name] === undefined ? null : headerText(headers[name]);
  const forwarded = ALWAYS_KEYED.filter((name) => headers[name] !== undefined).map((name) => [
    name,
    value(name),
  ]);
  // As JSON, no part can be written so that it looks like two.
  const key = JSON.stringify([
    path,
    query,
    // HTTP/2 says the host in a pseudo-header.
    rules.host ? (value('host') ?? value(':authority')) : null,
    user ?? null,
    language ?? null,
    rules.varyBy.map(value),
    forwarded,
  ]);
  return key.length > MAX_KEY_LENGTH ? undefined : key;
}
