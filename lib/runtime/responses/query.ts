/**
 * The query of a request as it stands in a cache key: sorted by name, of chosen parameters.
 *
 * Nothing is decoded, re-encoded or changed in case, and what is in doubt stays as it came: a
 * missed merge costs one run of the handler, a wrong merge serves the wrong content. The edge's
 * normaliser follows the same rules.
 */

/**
 * Which parameters of the query are in the key. A parameter that is left out must not change the
 * answer.
 *
 * Names as they stand in the URL. A query with a name that parsers may read as another one (`%61`
 * is `a`, `a[]` is a part of `a`) keeps all its parameters, in their order.
 */
export type QueryKey =
  | 'all'
  | 'none'
  | { readonly allow: readonly string[] }
  | { readonly deny: readonly string[] };

/** A query of more parameters is not sorted, so that sorting stays cheap. */
const MAX_PARAMETERS = 100;

/**
 * What may stand for another name after decoding, or belong to another one in the parser that
 * Express calls "extended".
 */
const AMBIGUOUS_NAME = /[%+[\]]/;

/**
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
