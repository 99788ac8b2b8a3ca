/**
 * Rules for the headers that an edge function returns: "Restrictions on all edge functions", Amazon
 * CloudFront developer guide. If a function breaks a rule, it fails and the viewer gets a 502.
 */
import type { EdgeEvent } from '../distribution';
import type { HeaderFields } from '../messages';

/** "Disallowed headers": hidden from functions, which cannot add them. */
const DISALLOWED = new RegExp(
  '^(?:' +
    'connection|expect|keep-alive|proxy-authenticate|proxy-authorization|proxy-connection|' +
    'trailer|upgrade|x-accel-(?:buffering|charset|limit-rate|redirect)|x-amz-cf-.*|' +
    'x-amzn-(?:auth|cf-billing|cf-id|cf-xff|errortype|fle-profile|header-count|header-order|' +
    'lambda-integration-tag|requestid)|' +
    'x-cache|x-edge-.*|x-forwarded-proto|x-real-ip' +
    ')$',
);

/** "Read-only headers": visible to functions, which cannot add, change or remove them. */
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

/** Characters that no field value may contain: RFC 9110, 5.5. */
const BREAKS_LINE = /[\r\n]/;

export function isDisallowed(name: string): boolean {
  return DISALLOWED.test(name);
}

/**
 * Compares the headers before and after a function.
 *
 * @returns the first broken rule, as a sentence
 */
export function brokenHeaderRule(
  event: EdgeEvent,
  before: HeaderFields,
  after: HeaderFields,
): string | undefined {
  const disallowed = Object.keys(after).find(isDisallowed);
  const broken = brokenValue(after);
  if (broken !== undefined) return broken;
  if (disallowed !== undefined)
    return `It adds ${disallowed}, which CloudFront forbids in edge functions.`;
  const changed = READ_ONLY[event].find((name) => joined(before[name]) !== joined(after[name]));
  return changed === undefined
    ? undefined
    : `It changes ${changed}, which is read-only in ${event} events.`;
}

/**
 * Checks a generated response. Read-only headers such as `Content-Length` are allowed there,
 * because CloudFront sets them itself.
 */
export function brokenGeneratedRule(event: EdgeEvent, headers: HeaderFields): string | undefined {
  const broken = brokenValue(headers);
  if (broken !== undefined) return broken;
  const refused = Object.keys(headers).find(
    (name) => isDisallowed(name) || (name === 'via' && event.endsWith('request')),
  );
  return refused === undefined
    ? undefined
    : `Its response has ${refused}, which CloudFront forbids in edge functions.`;
}

function brokenValue(headers: HeaderFields): string | undefined {
  const name = Object.keys(headers).find((each) =>
    headers[each]?.some((value) => BREAKS_LINE.test(value)),
  );
  return name === undefined ? undefined : `Its header ${name} contains a line break.`;
}

function joined(values: readonly string[] | undefined): string | undefined {
  return values?.join(',');
}
