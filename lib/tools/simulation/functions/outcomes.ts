/**
 * What a function returned, checked as CloudFront checks it: the request or the answer to go on
 * with.
 */

import type { HeaderFields, HttpAnswer, HttpRequest } from '../messages';
import type { FunctionCall, FunctionOutcome } from './call';
import * as viewerFunctions from './cloudfront-function-events';
import type { CurrentCall } from './cloudfront-function-runtime';
import { brokenGeneratedRule, brokenHeaderRule, isDisallowed } from './header-rules';
import * as lambda from './lambda-edge-events';

/**
 * @param answerBytes what a generated answer may have
 * @throws Error where CloudFront would refuse it
 */
export function lambdaOutcome(
  call: FunctionCall,
  returned: unknown,
  answerBytes: number,
): FunctionOutcome {
  if (returned === null || typeof returned !== 'object')
    throw new Error(`It returned ${JSON.stringify(returned) ?? 'nothing'}.`);
  if (call.answer) return { answer: checkedAnswer(call, lambda.answerOf(returned, call.answer)) };
  if ('status' in returned) {
    const answer = lambda.answerOf(returned);
    const bytes =
      answer.bodyBytes +
      Object.entries(answer.headers).reduce(
        (sum, [name, values]) => sum + name.length + values.join('').length,
        0,
      );
    if (bytes > answerBytes)
      throw new Error(`Its answer has ${bytes} bytes, and ${answerBytes} are allowed.`);
    return { answer: checkedGenerated(call, answer) };
  }
  const { request, origin } = lambda.requestOf(returned, call.request);
  const checked = { request: checkedRequest(call, request) };
  return call.event === 'origin-request' && call.origin
    ? { ...checked, origin: lambda.originOf(origin, call.origin) }
    : checked;
}

/** @throws Error where CloudFront would refuse it */
export function viewerFunctionOutcome(
  call: FunctionCall,
  returned: unknown,
  current: CurrentCall,
): FunctionOutcome {
  if (returned === null || typeof returned !== 'object')
    throw new Error(`It returned ${JSON.stringify(returned) ?? 'nothing'}.`);
  if (call.answer)
    return { answer: checkedAnswer(call, viewerFunctions.answerOf(returned, call.answer)) };
  if ('statusCode' in returned)
    return { answer: checkedGenerated(call, viewerFunctions.answerOf(returned)) };
  const domainName = current.origin?.domainName;
  return {
    request: checkedRequest(call, viewerFunctions.requestOf(returned, call.request)),
    ...(current.originId !== undefined && { originId: current.originId }),
    ...(typeof domainName === 'string' &&
      call.origin && { origin: { ...call.origin, domainName } }),
  };
}

/** What a function does not see, it does not lose. */
function checkedRequest(call: FunctionCall, after: HttpRequest): HttpRequest {
  const before = { ...visible(call.request.headers), host: [call.request.host] };
  refuse(brokenHeaderRule(call.event, before, { ...after.headers, host: [after.host] }));
  return { ...after, headers: { ...hidden(call.request.headers), ...after.headers } };
}

function checkedAnswer(call: FunctionCall, after: HttpAnswer): HttpAnswer {
  const before = call.answer?.headers ?? {};
  refuse(brokenHeaderRule(call.event, visible(before), after.headers));
  return { ...after, headers: { ...hidden(before), ...after.headers } };
}

function checkedGenerated(call: FunctionCall, answer: HttpAnswer): HttpAnswer {
  refuse(brokenGeneratedRule(call.event, answer.headers));
  return answer;
}

function refuse(rule: string | undefined): void {
  if (rule !== undefined) throw new Error(rule);
}

function visible(headers: HeaderFields): HeaderFields {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !isDisallowed(name)));
}

function hidden(headers: HeaderFields): HeaderFields {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => isDisallowed(name)));
}
