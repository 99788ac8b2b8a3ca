/** What the handler sees of a request: what is in the key. */
import type { IncomingMessage } from 'node:http';
import { decodedName, type KeptQuery } from './query';

/** What a handler sees in place of the whole request. */
export interface HandlerView {
  /** The query in the key. */
  readonly query: KeptQuery;
  /** Whether `Cookie` is hidden, because it is not in the key and identifies nobody. */
  readonly hidesCookies: boolean;
}

/** A framework's request, whose own properties repeat parts of Node's request. */
export interface FrameworkRequest {
  readonly raw: IncomingMessage;
  /** Express's request is Node's own. */
  readonly source: object;
  /**
   * Checks a query as the framework checked the whole one, and adds its defaults.
   *
   * @returns undefined if the query is refused
   */
  readonly checked?: (query: object) => object | undefined;
}

/** Parts of requests that frameworks and their plugins add. */
type Source = Record<'query' | 'cookies' | 'signedCookies', object | undefined>;

/**
 * Shows the handler what is in the key: in the URL, in the parsed query and in the cookies.
 *
 * @returns a function that restores the request; undefined if the route's own schema refuses the
 * request without the parameters that are not in the key
 */
export function showView(
  { raw, source, checked }: FrameworkRequest,
  { query, hidesCookies }: HandlerView,
): (() => void) | undefined {
  const undo: (() => void)[] = [];
  if (query.dropped.length > 0 && Object.hasOwn(source, 'query')) {
    const parsed = withoutParameters((source as Source).query ?? {}, query.dropped, checked);
    if (parsed === undefined) return undefined;
    undo.push(replace(source as Source, 'query', parsed));
  }
  const original = queryOf(raw.url ?? '');
  if ((original ?? '') !== query.text) {
    setQuery(raw, query.text);
    // A mounted router changes the path while the handler runs: only the query is restored.
    undo.push(() => setQuery(raw, original));
    if (source !== raw) undo.push(followUrl(source, raw));
  }
  if (hidesCookies && raw.headers.cookie !== undefined) {
    const { headers } = raw;
    const { cookie } = headers;
    delete headers.cookie;
    undo.push(() => {
      headers.cookie = cookie;
    });
    for (const name of ['cookies', 'signedCookies'] as const)
      if (Object.hasOwn(source, name)) undo.push(replace(source as Source, name, {}));
  }
  return () => {
    for (const step of undo.splice(0)) step();
  };
}

/** Without its mark; undefined if the URL has none. */
export function queryOf(url: string): string | undefined {
  const mark = url.indexOf('?');
  return mark < 0 ? undefined : url.slice(mark + 1);
}

function setQuery(
  raw: IncomingMessage & { originalUrl?: unknown },
  query: string | undefined,
): void {
  const withQuery = (url: string) => {
    const [path = ''] = url.split('?', 1);
    return query === undefined || query === '' ? path : `${path}?${query}`;
  };
  raw.url = withQuery(raw.url ?? '');
  if (typeof raw.originalUrl === 'string') raw.originalUrl = withQuery(raw.originalUrl);
}

/** Fastify remembers the URL that it was first asked for. */
function followUrl(source: object, raw: IncomingMessage & { originalUrl?: string }): () => void {
  Object.defineProperty(source, 'originalUrl', {
    configurable: true,
    get: () => raw.originalUrl ?? raw.url,
  });
  return () => void Reflect.deleteProperty(source, 'originalUrl');
}

function replace(source: Source, name: keyof Source, value: object): () => void {
  const before = source[name];
  source[name] = value;
  return () => {
    source[name] = before;
  };
}

/**
 * A parsed query without some parameters. If the route's schema has defaults for them, the handler
 * sees the defaults.
 */
function withoutParameters(
  parsed: object,
  dropped: readonly string[],
  checked: FrameworkRequest['checked'],
): object | undefined {
  const gone = dropped.flatMap(readings).filter((name) => Object.hasOwn(parsed, name));
  const without = copy(parsed);
  for (const name of gone) Reflect.deleteProperty(without, name);
  if (gone.length === 0 || checked === undefined) return without;
  const again = checked(copy(without));
  if (again === undefined) return undefined;
  for (const name of gone)
    if (Object.hasOwn(again, name)) Reflect.set(without, name, Reflect.get(again, name));
  return without;
}

/** The names under which parsers file a parameter. */
function readings(name: string): string[] {
  const decoded = decodedName(name);
  return [
    ...new Set([name, decoded, ...[name, decoded].map((one) => one.split(/[.[]/, 1)[0] ?? '')]),
  ];
}

/** A parser may make objects without a prototype. */
function copy(object: object): object {
  return Object.assign(Object.create(Object.getPrototypeOf(object)), object);
}
