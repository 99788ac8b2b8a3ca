/**
 * What CloudFront lets an edge function do to headers: "Restrictions on all edge functions", Amazon
 * CloudFront developer guide. A function that breaks a rule fails, and the viewer gets a 502.
 */
import type { EdgeEvent } from '../distribution';
import type { HeaderFields } from '../messages';

/** "Disallowed headers": a function does not see them and cannot add them. */
const DISALLOWED =
  /^(?:connection|expect|keep-alive|proxy-authenticate|proxy-authorization|proxy-connection|trailer|upgrade|x-accel-(?:buffering|charset|limit-rate|redirect)|x-amz-cf-.*|x-amzn-(?:auth|cf-billing|cf-id|cf-xff|errortype|fle-profile|header-count|header-order|lambda-integration-tag|requestid)|x-cache|x-edge-.*|x-forwarded-proto|x-real-ip)$/;

/** "Read-only headers": a function sees them, and cannot add, change or remove them. */
const READ_ONLY: Readonly<Record<EdgeEvent, readonly string[]>> = {
  'viewer-request': ['content-length', 'host', 'transfer-encoding', 'via'],
  'origin-request': [
    'accept-encoding',
    'content-length',
    'if-modified-since',
    'if-none-match',
    'if-range',
    'if-unmodified-since',
    'transfer-encoding',
    'via',
  ],
  'origin-response': ['transfer-encoding', 'via'],
  'viewer-response': ['content-encoding', 'content-length', 'transfer-encoding', 'warning', 'via'],
};

/** What no field can have: RFC 9110, 5.5. */
const BREAKS_LINE = /[\r\n]/;

export function isDisallowed(name: string): boolean {
  return DISALLOWED.test(name);
}

/** @returns the first rule that is broken, as a sentence */
export function brokenHeaderRule(
  event: EdgeEvent,
  before: HeaderFields,
  after: HeaderFields,
): string | undefined {
  const disallowed = Object.keys(after).find(isDisallowed);
  const broken = brokenValue(after);
  if (broken !== undefined) return broken;
  if (disallowed !== undefined)
    return `It adds ${disallowed}, which CloudFront allows no edge function.`;
  const changed = READ_ONLY[event].find((name) => joined(before[name]) !== joined(after[name]));
  return changed === undefined
    ? undefined
    : `It changes ${changed}, which is read-only in ${event} events.`;
}

/**
 * A generated answer is new: only what no function may add counts. Those of `Content-Length` and
 * the like CloudFront sets itself.
 */
export function brokenGeneratedRule(event: EdgeEvent, headers: HeaderFields): string | undefined {
  const broken = brokenValue(headers);
  if (broken !== undefined) return broken;
  const refused = Object.keys(headers).find(
    (name) => isDisallowed(name) || (name === 'via' && event.endsWith('request')),
  );
  return refused === undefined
    ? undefined
    : `Its answer has ${refused}, which CloudFront allows no edge function.`;
}

function brokenValue(headers: HeaderFields): string | undefined {
  const name = Object.keys(headers).find((each) =>
    headers[each]?.some((value) => BREAKS_LINE.test(value)),
  );
  return name === undefined ? undefined : `Its header ${name} breaks the line.`;
}

function joined(values: readonly string[] | undefined): string | undefined {
  return values?.join(',');
}
