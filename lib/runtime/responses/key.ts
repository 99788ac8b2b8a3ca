/** The cache key of a response: everything that may change it, as its route declares. */
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
];

/**
 * The longest key, in UTF-16 units. Ordinary clients stay below it; a request with a longer key
 * bypasses the cache.
 */
const MAX_KEY_LENGTH = 8192;

/** The parts of a request that a route's keys contain. */
export interface KeyRules {
  readonly host: boolean;
  readonly query: QueryKey;
  /** In lower case. */
  readonly varyBy: readonly string[];
}

/** One request, as its key needs it. */
export interface KeyParts {
  /** The request target as the client sent it. */
  readonly target: string;
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
  { target, headers, language, user }: KeyParts,
  rules: KeyRules,
): string | undefined {
  const mark = target.indexOf('?');
  const path = mark < 0 ? target : target.slice(0, mark);
  const query = mark < 0 ? '' : queryOfKey(target.slice(mark + 1), rules.query);
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
    rules.varyBy.map(value),
    forwarded,
  ]);
  return key.length > MAX_KEY_LENGTH ? undefined : key;
}

/**
 * Which parameters of the query are in the key. A parameter outside the key must not change the
 * response.
 *
 * Names are compared as they stand in the URL. A query keeps all its parameters, in their order, if
 * it has a name that a parser may read as another name (`%61` is `a`; `a[]` is a part of `a`).
 */
export type QueryKey =
  | 'all'
  | 'none'
  | { readonly allow: readonly string[] }
  | { readonly deny: readonly string[] };

/** A query with more parameters is not sorted, so that sorting stays cheap. */
const MAX_PARAMETERS = 100;

/**
 * Characters of a name that may decode to another name, or that make it a part of another one for
 * the parser that Express calls "extended".
 */
const AMBIGUOUS_NAME = /[%+[\]]/;

/**
 * The query of a request as it stands in the key: the chosen parameters, sorted by name.
 *
 * Nothing is decoded, re-encoded or changed in case, and an ambiguous query stays as it came. A
 * missed merge costs one run of the handler; a wrong merge serves wrong content. The edge's
 * normalizer follows the same rules:
 *
 * - Only `&` separates. `flag` and `flag=` differ, and so do the values `%E9` and `%e9`, `+` and
 *   `%20`.
 * - Repeated names keep their order among themselves: the handler may read them as a list.
 * - Empty parameters, as in `a&&b`, are dropped.
 *
 * @param query without the question mark
 */
export function queryOfKey(query: string, rule: QueryKey): string {
  if (rule === 'none' || query === '') return '';
  const named = query
    .split('&')
    .filter((parameter) => parameter !== '')
    .map((parameter) => ({ parameter, name: nameOf(parameter) }));
  if (named.length > MAX_PARAMETERS || named.some(({ name }) => AMBIGUOUS_NAME.test(name)))
    return query;
  return named
    .filter(({ name }) => isKept(name, rule))
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
    .map(({ parameter }) => parameter)
    .join('&');
}

function nameOf(parameter: string): string {
  const equals = parameter.indexOf('=');
  return equals < 0 ? parameter : parameter.slice(0, equals);
}

function isKept(name: string, rule: Exclude<QueryKey, 'none'>): boolean {
  if (rule === 'all') return true;
  return 'allow' in rule ? rule.allow.includes(name) : !rule.deny.includes(name);
}
