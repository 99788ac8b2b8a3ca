/**
 * Converts messages to and from the events of CloudFront Functions: "CloudFront Functions event
 * structure", Amazon CloudFront developer guide.
 */
import { STATUS_CODES } from 'node:http';
import type { HeaderFields, HttpRequest, HttpResponse } from '../messages';
import type { FunctionCall } from './call';
import { isDisallowed } from './header-rules';

interface Value {
  readonly value: string;
  readonly multiValue?: readonly { readonly value: string }[];
  /** The attributes of a cookie in a response. */
  readonly attributes?: string;
}
type Values = Record<string, Value>;

export function viewerFunctionEvent(call: FunctionCall, requestId: string): object {
  return {
    version: '1.0',
    context: {
      distributionDomainName: call.place.distributionDomainName ?? 'd111111abcdef8.cloudfront.net',
      distributionId: 'EDFDVBD6EXAMPLE',
      eventType: call.event,
      requestId,
    },
    viewer: { ip: call.request.clientAddress },
    request: eventRequest(call.request),
    ...(call.response && { response: eventResponse(call.response) }),
  };
}

function eventRequest(request: HttpRequest): object {
  const event = {
    method: request.method,
    uri: request.path,
    querystring: grouped(pairs(request.query, '&')),
    headers: eventHeaders({ ...request.headers, host: [request.host] }, 'cookie'),
    cookies: grouped(pairs((request.headers.cookie ?? []).join('; '), ';')),
  };
  // The raw query string, or undefined without one: "General helper methods". It is not enumerable,
  // so a copy of the request does not have it.
  return Object.defineProperty(event, 'rawQueryString', {
    value: () => (request.query === '' ? undefined : request.query),
  });
}

function eventResponse({ status, headers }: HttpResponse): object {
  const cookies = (headers['set-cookie'] ?? []).map((field): [string, Value] => {
    const [pair = '', ...attributes] = field.split(';');
    const [[name, value] = ['', '']] = pairs(pair, ';');
    return [name, { value, attributes: attributes.join(';').trim() }];
  });
  return {
    statusCode: status,
    statusDescription: STATUS_CODES[status] ?? '',
    headers: eventHeaders(headers, 'set-cookie'),
    cookies: Object.fromEntries(cookies),
  };
}

function eventHeaders(headers: HeaderFields, withCookies: string): Values {
  const visible = Object.entries(headers).filter(
    ([name]) => name !== withCookies && !isDisallowed(name),
  );
  return grouped(
    visible.flatMap(([name, values]) => values.map((value): [string, string] => [name, value])),
  );
}

function pairs(joined: string, separator: string): [name: string, value: string][] {
  return joined
    .split(separator)
    .map((pair) => pair.trim())
    .filter((pair) => pair !== '')
    .map((pair) => {
      const end = pair.indexOf('=');
      return end < 0 ? [pair, ''] : [pair.slice(0, end), pair.slice(end + 1)];
    });
}

/** `value` is the last value; `multiValue` has all values if there are several. */
function grouped(entries: readonly [string, string][]): Values {
  const byName = new Map<string, string[]>();
  for (const [name, value] of entries) byName.set(name, [...(byName.get(name) ?? []), value]);
  return Object.fromEntries(
    [...byName].map(([name, values]) => [
      name,
      {
        value: values.at(-1) ?? '',
        ...(values.length > 1 && { multiValue: values.map((value) => ({ value })) }),
      },
    ]),
  );
}

/** @throws Error if the returned value is not a valid request */
export function requestOf(returned: unknown, sent: HttpRequest): HttpRequest {
  const { method, uri, querystring, headers, cookies } = returned as Record<string, unknown>;
  if (typeof uri !== 'string' || !uri.startsWith('/'))
    throw new Error(`The uri must begin with a slash, not be ${JSON.stringify(uri)}.`);
  if (method !== sent.method) throw new Error('The method is read-only.');
  const { host, ...fields } = headerFields(headers);
  const cookie = entriesOf(cookies).map(([name, value]) => `${name}=${value}`);
  return {
    ...sent,
    path: uri,
    query: queryOf(querystring, sent.query),
    host: host?.[0] ?? sent.host,
    headers: cookie.length === 0 ? fields : { ...fields, cookie: [cookie.join('; ')] },
  };
}

/**
 * The query of a returned request. If the function did not change the query, it keeps its order and
 * spelling: AWS does not document how an unchanged object is serialized, and the model assumes the
 * least change. In a changed query, `flag` becomes `flag=`.
 */
function queryOf(querystring: unknown, sent: string): string {
  if (typeof querystring === 'string') return querystring;
  const before = JSON.stringify(grouped(pairs(sent, '&')));
  if (JSON.stringify(querystring) === before) return sent;
  return entriesOf(querystring)
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

/** @throws Error if the returned value is not a valid response */
export function responseOf(returned: unknown, replaced?: HttpResponse): HttpResponse {
  const { statusCode, headers, cookies, body } = returned as Record<string, unknown>;
  const status = Number(statusCode);
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    throw new Error(`The statusCode must be 200 to 599, not ${JSON.stringify(statusCode)}.`);
  }
  const setCookie = Object.entries((cookies ?? {}) as Values).flatMap(([name, cookie]) =>
    valuesOf(cookie).map(
      ({ value, attributes }) => `${name}=${value}${attributes ? `; ${attributes}` : ''}`,
    ),
  );
  const fields = {
    ...headerFields(headers),
    ...(setCookie.length > 0 && { 'set-cookie': setCookie }),
  };
  if (replaced && body === undefined) return { ...replaced, status, headers: fields };
  const { encoding, data } = (
    typeof body === 'object' && body !== null ? body : { data: body }
  ) as Record<string, unknown>;
  const bytes = Buffer.from(String(data ?? ''), encoding === 'base64' ? 'base64' : 'utf8');
  return { status, headers: fields, bodyBytes: bytes.length, body: bytes };
}

function headerFields(headers: unknown): Record<string, string[]> {
  // Without a prototype: a header may be called `constructor` or `__proto__`.
  const fields: Record<string, string[]> = Object.create(null);
  for (const [name, value] of entriesOf(headers)) {
    if (name !== name.toLowerCase()) throw new Error(`The header ${name} must be in lower case.`);
    fields[name] = [...(fields[name] ?? []), value];
  }
  return fields;
}

function entriesOf(values: unknown): [string, string][] {
  return Object.entries((values ?? {}) as Values).flatMap(([name, each]) =>
    valuesOf(each).map(({ value }): [string, string] => [name, String(value)]),
  );
}

function valuesOf(each: Value | undefined): readonly Value[] {
  if (each === null || typeof each !== 'object')
    throw new Error('Headers, cookies and parameters must be objects with a value.');
  return each.multiValue ?? [each];
}
