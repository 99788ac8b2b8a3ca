/**
 * Checks what a function returned as CloudFront does, and makes it the request or the response to
 * continue with.
 */
import { filterHeaders } from '../headers';
import type { HeaderFields, HttpRequest, HttpResponse } from '../messages';
import type { FunctionCall, FunctionOutcome } from './call';
import * as viewerFunctions from './cloudfront-function-events';
import type { CurrentCall } from './cloudfront-function-runtime';
import { brokenGeneratedRule, brokenHeaderRule, isDisallowed } from './header-rules';
import * as lambda from './lambda-edge-events';

/**
 * The outcome of a Lambda@Edge call.
 *
 * @param maxResponseBytes the maximum size of a generated response
 * @throws Error if CloudFront would reject the returned value
 */
export function lambdaOutcome(
  call: FunctionCall,
  returned: unknown,
  maxResponseBytes: number,
): FunctionOutcome {
  const responded = respondedOutcome(call, returned, 'status', lambda.responseOf, maxResponseBytes);
  if (responded) return responded;
  const { request, origin } = lambda.requestOf(returned, call.request);
  const checked = { request: checkedRequest(call, request) };
  return call.event === 'origin-request' && call.origin
    ? { ...checked, origin: lambda.originOf(origin, call.origin) }
    : checked;
}

/**
 * The outcome of a CloudFront Function's call.
 *
 * @throws Error if CloudFront would reject the returned value
 */
export function viewerFunctionOutcome(
  call: FunctionCall,
  returned: unknown,
  current: CurrentCall,
): FunctionOutcome {
  const responded = respondedOutcome(call, returned, 'statusCode', viewerFunctions.responseOf);
  if (responded) return responded;
  const domainName = current.origin?.domainName;
  return {
    request: checkedRequest(call, viewerFunctions.requestOf(returned, call.request)),
    ...(current.originId !== undefined && { originId: current.originId }),
    ...(typeof domainName === 'string' &&
      call.origin && { origin: { ...call.origin, domainName } }),
  };
}

/**
 * The outcome if the function returned a response, in place of the origin's or generated.
 *
 * @param statusField the field that distinguishes a response from a request
 * @returns undefined if the function returned a request
 */
function respondedOutcome(
  call: FunctionCall,
  returned: unknown,
  statusField: string,
  responseOf: (returned: unknown, replaced?: HttpResponse) => HttpResponse,
  maxResponseBytes = Number.POSITIVE_INFINITY,
): FunctionOutcome | undefined {
  if (returned === null || typeof returned !== 'object')
    throw new Error(`It returned ${JSON.stringify(returned) ?? 'nothing'}.`);
  if (call.response)
    return { response: checkedResponse(call, responseOf(returned, call.response)) };
  if (!(statusField in returned)) return undefined;
  const response = responseOf(returned);
  const bytes = Object.entries(response.headers).reduce(
    (sum, [name, values]) => sum + name.length + values.join('').length,
    response.bodyBytes,
  );
  if (bytes > maxResponseBytes)
    throw new Error(`Its response has ${bytes} bytes; ${maxResponseBytes} are allowed.`);
  const broken = brokenGeneratedRule(call.event, response.headers);
  if (broken !== undefined) throw new Error(broken);
  return { response };
}

/** A function cannot remove headers that are hidden from it. */
function checkedRequest(call: FunctionCall, after: HttpRequest): HttpRequest {
  const before = { ...visible(call.request.headers), host: [call.request.host] };
  refuse(brokenHeaderRule(call.event, before, { ...after.headers, host: [after.host] }));
  return { ...after, headers: { ...hidden(call.request.headers), ...after.headers } };
}

function checkedResponse(call: FunctionCall, after: HttpResponse): HttpResponse {
  const before = call.response?.headers ?? {};
  refuse(brokenHeaderRule(call.event, visible(before), after.headers));
  return { ...after, headers: { ...hidden(before), ...after.headers } };
}

function refuse(rule: string | undefined): void {
  if (rule !== undefined) throw new Error(rule);
}

function visible(headers: HeaderFields): HeaderFields {
  return filterHeaders(headers, (name) => !isDisallowed(name));
}

function hidden(headers: HeaderFields): HeaderFields {
  return filterHeaders(headers, isDisallowed);
}
