/** Selects query strings, cookies or headers of a request by name. */
export interface Selection {
  readonly kind: 'none' | 'all' | 'only' | 'all-except';
  /** Header names in lower case; other names as written. */
  readonly names: readonly string[];
}

export const NOTHING: Selection = { kind: 'none', names: [] };
export const EVERYTHING: Selection = { kind: 'all', names: [] };

export function only(...names: readonly string[]): Selection {
  return { kind: 'only', names };
}

export function selects({ kind, names }: Selection, name: string): boolean {
  if (kind === 'all' || kind === 'none') return kind === 'all';
  return names.includes(name) === (kind === 'only');
}

/** The name in `name=value`, of a query parameter or a cookie. The value may be missing. */
export function parameterName(pair: string): string {
  const end = pair.indexOf('=');
  return end < 0 ? pair : pair.slice(0, end);
}
