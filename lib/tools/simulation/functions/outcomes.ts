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
 * @param maxResponseBytes the maximum size of a generated response
 * @throws Error if CloudFront would reject the returned value
 */
export function lambdaOutcome(
  call: FunctionCall,
  returned: unknown,
  responseBytes: number,
): FunctionOutcome {
  assertObject(returned);
  if (call.response)
    return { response: checkedResponse(call, lambda.responseOf(returned, call.response)) };
  if ('status' in returned) {
    const response = lambda.responseOf(returned);
    const bytes =
      response.bodyBytes +
      Object.entries(response.headers).reduce(
        (sum, [name, values]) => sum + name.length + values.join('').length,
        0,
      );
    if (bytes > responseBytes)
      throw new Error(`Its answer has ${bytes} bytes, and ${responseBytes} are allowed.`);
    return { response: checkedGenerated(call, response) };
  }
  const { request, origin } = lambda.requestOf(returned, call.request);
  const checked = { request: checkedRequest(call, request) };
  return call.event === 'origin-request' && call.origin
    ? { ...checked, origin: lambda.originOf(origin, call.origin) }
    : checked;
}

/** @throws Error if CloudFront would reject the returned value */
export function viewerFunctionOutcome(
  call: FunctionCall,
  returned: unknown,
  current: CurrentCall,
): FunctionOutcome {
  assertObject(returned);
  if (call.response)
    return { response: checkedResponse(call, viewerFunctions.responseOf(returned, call.response)) };
  if ('statusCode' in returned)
    return { response: checkedGenerated(call, viewerFunctions.responseOf(returned)) };
  const domainName = current.origin?.domainName;
  return {
    request: checkedRequest(call, viewerFunctions.requestOf(returned, call.request)),
    ...(current.originId !== undefined && { originId: current.originId }),
    ...(typeof domainName === 'string' &&
      call.origin && { origin: { ...call.origin, domainName } }),
  };
}

/** @throws Error if a function returned no object, for example nothing at all */
function assertObject(returned: unknown): asserts returned is object {
  if (returned === null || typeof returned !== 'object')
    throw new Error(`It returned ${JSON.stringify(returned) ?? 'nothing'}.`);
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

function checkedGenerated(call: FunctionCall, response: HttpResponse): HttpResponse {
  refuse(brokenGeneratedRule(call.event, response.headers));
  return response;
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
