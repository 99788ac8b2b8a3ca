/**
 * Converts messages to and from the events of Lambda@Edge: "Lambda@Edge event structure" and
 * "Generate HTTP responses in request triggers", Amazon CloudFront developer guide.
 */
import { STATUS_CODES } from 'node:http';
import type { OriginModel } from '../distribution';
import type { HeaderFields, HttpRequest, HttpResponse } from '../messages';
import type { FunctionCall } from './call';
import { isDisallowed } from './header-rules';

/** The IDs of the guide's own examples, because a template has none yet. */
const CONFIG = {
  distributionDomainName: 'd111111abcdef8.cloudfront.net',
  distributionId: 'EDFDVBD6EXAMPLE',
};

interface EventRequest {
  readonly clientIp: string;
  readonly method: string;
  readonly uri: string;
  readonly querystring: string;
  readonly headers: unknown;
  readonly origin?: unknown;
}

/** The event of one call. The function may change all of it. */
export function lambdaEvent(call: FunctionCall, requestId: string): object {
  const request = {
    ...eventRequest(call.request),
    ...(call.event.startsWith('origin') && call.origin && { origin: eventOrigin(call.origin) }),
  };
  const config = {
    ...CONFIG,
    ...(call.place.distributionDomainName && {
      distributionDomainName: call.place.distributionDomainName,
    }),
    eventType: call.event,
    requestId,
  };
  return {
    Records: [
      { cf: { config, request, ...(call.response && { response: eventResponse(call.response) }) } },
    ],
  };
}

function eventRequest(request: HttpRequest): EventRequest {
  return {
    clientIp: request.clientAddress,
    method: request.method,
    uri: request.path,
    querystring: request.query,
    headers: eventHeaders({ ...request.headers, host: [request.host] }),
  };
}

function eventResponse({ status, headers }: HttpResponse): object {
  return {
    status: String(status),
    statusDescription: STATUS_CODES[status] ?? '',
    headers: eventHeaders(headers),
  };
}

function eventHeaders(headers: HeaderFields): object {
  const visible = Object.entries(headers).filter(([name]) => !isDisallowed(name));
  return Object.fromEntries(
    visible.map(([name, values]) => [
      name,
      values.map((value) => ({ key: capitalized(name), value })),
    ]),
  );
}

/** The usual spelling of a header; the model keeps names in lower case. */
function capitalized(name: string): string {
  return name.replace(/(^|-)[a-z]/g, (start) => start.toUpperCase());
}

function eventOrigin(origin: OriginModel): object {
  const customHeaders = Object.fromEntries(
    Object.entries(origin.customHeaders).map(([name, value]) => [
      name,
      [{ key: capitalized(name), value }],
    ]),
  );
  if (origin.kind === 's3') {
    const region = /\.s3[.-]([a-z0-9-]+)\.amazonaws\.com$/.exec(origin.domainName)?.[1] ?? '';
    return {
      s3: {
        authMethod: 'origin-access-identity',
        customHeaders,
        domainName: origin.domainName,
        path: origin.path,
        region,
      },
    };
  }
  const isPlain = origin.protocolPolicy === 'http-only';
  return {
    custom: {
      customHeaders,
      domainName: origin.domainName,
      keepaliveTimeout: 5,
      path: origin.path,
      port: isPlain ? 80 : 443,
      protocol: isPlain ? 'http' : 'https',
      readTimeout: 30,
      sslProtocols: ['TLSv1.2'],
    },
  };
}

/** @throws Error if the returned value is not a valid request */
export function requestOf(
  returned: unknown,
  sent: HttpRequest,
): { request: HttpRequest; origin: unknown } {
  const { uri, querystring, method, clientIp, headers, origin } = returned as Partial<EventRequest>;
  if (typeof uri !== 'string' || !uri.startsWith('/'))
    throw new Error(`The uri must begin with a slash, not be ${JSON.stringify(uri)}.`);
  if (typeof querystring !== 'string') throw new Error('The querystring must be a string.');
  if (!/^[!"$-~\u0080-\uffff]*$/.test(uri + querystring))
    throw new Error('The uri or the querystring has a space, a control character or a #.');
  if (method !== sent.method) throw new Error('The method is read-only.');
  if (clientIp !== sent.clientAddress) throw new Error('The clientIp is read-only.');
  const { host, ...fields } = headerFields(headers);
  return {
    request: {
      ...sent,
      path: uri,
      query: querystring,
      host: host?.[0] ?? sent.host,
      headers: fields,
    },
    origin,
  };
}

/**
 * @param replaced the response that the function changed; undefined if it generated one
 * @throws Error if the returned value is not a valid response
 */
export function responseOf(returned: unknown, replaced?: HttpResponse): HttpResponse {
  const { status, headers, body, bodyEncoding } = returned as {
    status?: unknown;
    headers?: unknown;
    body?: unknown;
    bodyEncoding?: unknown;
  };
  const code = Number(status);
  if (!Number.isInteger(code) || code < 200 || code > 599)
    throw new Error(`The status must be 200 to 599, not ${JSON.stringify(status)}.`);
  const fields = headerFields(headers);
  // Without a body, the origin's body is kept: "Update HTTP responses in origin response triggers".
  if (replaced && body === undefined) return { ...replaced, status: code, headers: fields };
  if (body !== undefined && typeof body !== 'string') throw new Error('The body must be a string.');
  const bytes = Buffer.from(body ?? '', bodyEncoding === 'base64' ? 'base64' : 'utf8');
  return { status: code, headers: fields, bodyBytes: bytes.length, body: bytes };
}

function headerFields(headers: unknown): HeaderFields {
  if (headers === undefined || headers === null) return {};
  if (typeof headers !== 'object') throw new Error('The headers must be an object.');
  // Without a prototype: a header may be called `constructor` or `__proto__`.
  const fields: Record<string, string[]> = Object.create(null);
  for (const [name, entries] of Object.entries(headers)) {
    if (!Array.isArray(entries))
      throw new Error(`The header ${name} must be a list of { key, value }.`);
    for (const entry of entries as { key?: unknown; value?: unknown }[]) {
      if (typeof entry?.value !== 'string')
        throw new Error(`The header ${name} must have a string as its value.`);
      if (entry.key !== undefined && String(entry.key).toLowerCase() !== name.toLowerCase()) {
        throw new Error(
          `The header ${name} has the key ${JSON.stringify(entry.key)}: ` +
            'they must be equal except for case.',
        );
      }
      const lower = name.toLowerCase();
      fields[lower] = [...(fields[lower] ?? []), entry.value];
    }
  }
  return fields;
}

/**
 * The origin that an origin-request function returned.
 *
 * @throws Error if it is not a valid origin
 */
export function originOf(returned: unknown, sent: OriginModel): OriginModel {
  const { custom, s3 } = (returned ?? {}) as {
    custom?: Record<string, unknown>;
    s3?: Record<string, unknown>;
  };
  const chosen = custom ?? s3;
  if (!chosen) return sent;
  if (typeof chosen.domainName !== 'string' || chosen.domainName === '')
    throw new Error('The origin must have a domainName.');
  return {
    ...sent,
    domainName: chosen.domainName,
    kind: custom ? (sent.kind === 's3' ? 'custom' : sent.kind) : 's3',
    path: typeof chosen.path === 'string' ? chosen.path : sent.path,
    ...(custom && { protocolPolicy: custom.protocol === 'http' ? 'http-only' : 'https-only' }),
    customHeaders: Object.fromEntries(
      Object.entries(headerFields(chosen.customHeaders)).map(([name, values]) => [
        name,
        values.join(', '),
      ]),
    ),
  };
}
