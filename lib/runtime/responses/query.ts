/** The query of a request: which parameters are in the key, and so what the handler sees. */
import querystring from 'node:querystring';

/**
 * Which parameters of the query are in the key. The handler does not see the others, unless its
 * route has `handlerSees: 'request'`.
 *
 * Names are compared as they stand in the URL. A query keeps all its parameters, in their order, if
 * it has a name that a parser may read as another name (`%61` is `a`; `a[]` is a part of `a`).
 * Allowing `a` allows `a.b` too, which some parsers read as a part of `a`.
 */
export type QueryKey =
  | 'all'
  | 'none'
  | { readonly allow: readonly string[] }
  | { readonly deny: readonly string[] };

/** A query as it stands in the key. */
export interface KeptQuery {
  /** Without the question mark. */
  readonly text: string;
  /** The names of the parameters that are not in the key. */
  readonly dropped: readonly string[];
}

/** A query with more parameters is neither sorted nor filtered, so that the cost stays small. */
const MAX_PARAMETERS = 100;

/**
 * A name that every parser reads as itself. Escapes, brackets and dots at an end may make it another
 * name, or a part of one, for the parser that Express calls "extended".
 */
const PLAIN_NAME = /^[^%+[\].]+(?:\.[^%+[\].]+)*$/;

/**
 * The query of a request as it stands in the key: the chosen parameters, sorted by name.
 *
 * Nothing is decoded, re-encoded or changed in case, and an ambiguous query stays as it came. A
 * missed merge costs one run of the handler; a wrong merge serves wrong content. The edge's
 * normalizer follows the same rules:
 *
 * - Only `&` separates. `flag` and `flag=` differ, and so do the values `%E9` and `%e9`, `+` and
 *   `%20`.
 * - Repeated names keep their order among themselves: the handler may read them as a list. So do
 *   `a` and `a.b`, and `a` and `A`.
 * - Empty parameters, as in `a&&b`, are dropped.
 *
 * @param query without the question mark
 */
export function keptQuery(query: string, rule: QueryKey): KeptQuery {
  if (query === '') return { text: '', dropped: [] };
  const named = parametersOf(query);
  if (rule === 'none') return { text: '', dropped: named.map(({ name }) => name) };
  // A `#` ends the query for some parsers, and a semicolon separates for others.
  const isAmbiguous = /[#;]/.test(query) || named.some(({ name }) => !PLAIN_NAME.test(name));
  if (isAmbiguous || named.length > MAX_PARAMETERS) return { text: query, dropped: [] };
  const kept = named.filter(({ name }) => isKept(name, rule));
  return {
    text: kept
      .sort((a, b) => (a.root < b.root ? -1 : a.root > b.root ? 1 : 0))
      .map(({ parameter }) => parameter)
      .join('&'),
    dropped: named.filter(({ name }) => !isKept(name, rule)).map(({ name }) => name),
  };
}

/** The parameters of a query as they stand in the URL. */
export function parametersOf(query: string) {
  return query
    .split('&')
    .filter((parameter) => parameter !== '')
    .map((parameter) => {
      const name = parameter.split('=', 1)[0] ?? '';
      return { parameter, name, root: rootOf(name).toLowerCase() };
    });
}

/** A parameter's name as a parser reads it. Malformed escapes stay as they are. */
export function decodedName(name: string): string {
  return querystring.unescape(name.replaceAll('+', ' '));
}

function rootOf(name: string): string {
  return name.split('.', 1)[0] ?? '';
}

function isKept(name: string, rule: Exclude<QueryKey, 'none'>): boolean {
  if (rule === 'all') return true;
  if ('deny' in rule) return !rule.deny.includes(name);
  return rule.allow.some((allowed) => allowed === name || rootOf(allowed) === rootOf(name));
}
