import { describeValue, type InvalidValue, IsochroneError } from '../../model/errors';
import type { ResponseCacheOptions, ResponseRoute } from './options';

const LONGEST_SECONDS = 366 * 86_400;
/** "Tokens", RFC 9110, section 5.6.2. */
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const LANGUAGE_TAG = /^[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*$/;

function refuse(where: string, problem: InvalidValue): never {
  throw new IsochroneError(
    `${where}: ${problem.property} must be ${problem.allowed}, got ${describeValue(problem.value)}.\n${problem.rule} ${problem.fix}`,
  );
}

function checkNumber(
  where: string,
  property: string,
  value: number | undefined,
  from: number,
  to: number,
  rule: string,
): void {
  if (value === undefined || (typeof value === 'number' && value >= from && value <= to)) return;
  refuse(where, {
    property,
    value,
    allowed: `a number from ${from} to ${to}`,
    rule,
    fix: 'Leave it out for the default, or correct the unit.',
  });
}

function checkNames(
  where: string,
  property: string,
  values: readonly string[] | undefined,
  pattern: RegExp,
  rule: string,
): void {
  const wrong = values?.find((value) => typeof value !== 'string' || !pattern.test(value));
  if (wrong !== undefined)
    refuse(where, {
      property,
      value: wrong,
      allowed: 'a list of names',
      rule,
      fix: 'Write each name by itself.',
    });
}

/** @throws IsochroneError for an option that cannot be meant */
export function checkCacheOptions(options: ResponseCacheOptions): void {
  const where = 'ResponseCache';
  const { sessionCookies, tagHeader } = options;
  checkNumber(
    where,
    'compressionThresholdBytes',
    options.compressionThresholdBytes,
    0,
    Number.MAX_SAFE_INTEGER,
    'It is a size in bytes.',
  );
  checkNumber(
    where,
    'maxBodyBytes',
    options.maxBodyBytes,
    1,
    2 ** 30,
    'An answer is held in memory, whole.',
  );
  checkNumber(where, 'passSeconds', options.passSeconds, 0, 3600, 'It is a short time in seconds.');
  if (sessionCookies !== 'any')
    checkNames(
      where,
      'sessionCookies',
      sessionCookies,
      HEADER_NAME,
      "A cookie's name is a token (RFC 6265, section 4.1.1).",
    );
  checkNames(
    where,
    'tagHeader',
    tagHeader === undefined ? [] : [tagHeader],
    HEADER_NAME,
    'It is the name of a header.',
  );
}

/** @throws IsochroneError for an option that cannot be meant */
export function checkRoute<Request>(route: ResponseRoute<Request>): void {
  const where = 'ResponseRoute';
  if (route.ttlSeconds !== 'answer') {
    if (route.ttlSeconds === undefined) refuseTtl(where, route.ttlSeconds);
    checkNumber(
      where,
      'ttlSeconds',
      route.ttlSeconds,
      0.001,
      LONGEST_SECONDS,
      'It is a time in seconds.',
    );
  } else if ((route.staleSeconds ?? 0) > 0) {
    refuse(where, {
      property: 'staleSeconds',
      value: route.staleSeconds,
      allowed: "0 with ttlSeconds 'answer'",
      rule: 'A stale answer is renewed by a time that is known before the answer is.',
      fix: 'Give ttlSeconds as a number.',
    });
  }
  checkNumber(
    where,
    'maxTtlSeconds',
    route.maxTtlSeconds,
    0.001,
    LONGEST_SECONDS,
    'It is a time in seconds.',
  );
  checkNumber(
    where,
    'staleSeconds',
    route.staleSeconds,
    0,
    LONGEST_SECONDS,
    'It is a time in seconds.',
  );
  checkNumber(
    where,
    'maxBodyBytes',
    route.maxBodyBytes,
    1,
    2 ** 30,
    'An answer is held in memory, whole.',
  );
  checkNames(where, 'varyBy', route.varyBy, HEADER_NAME, 'It names request headers.');
  checkNames(
    where,
    'languages',
    route.languages,
    LANGUAGE_TAG,
    'A language is a tag such as de or de-CH (RFC 5646).',
  );
  for (const [status, seconds] of Object.entries(route.statuses ?? {})) {
    checkNumber(
      where,
      `statuses[${status}]`,
      seconds,
      0.001,
      LONGEST_SECONDS,
      'It is a time in seconds.',
    );
    if (/^[234]\d\d$/.test(status) && status !== '206' && status !== '304') continue;
    refuse(where, {
      property: 'statuses',
      value: status,
      allowed: 'a status from 200 to 499, other than 206 and 304',
      rule: 'A part of an answer, a validation and a failure are no answers to other requests (RFC 9111, sections 3.3 and 4.3).',
      fix: "For failures, see serveStale: 'if-error'.",
    });
  }
  if (route.shared === true && route.user !== undefined) {
    refuse(where, {
      property: 'shared',
      value: true,
      allowed: 'false beside user',
      rule: 'An answer is either the same for all users or kept for one.',
      fix: 'Leave one of the two out.',
    });
  }
}

function refuseTtl(where: string, value: unknown): never {
  return refuse(where, {
    property: 'ttlSeconds',
    value,
    allowed: "a number of seconds or 'answer'",
    rule: 'How long an answer may be shared is for its route to say.',
    fix: 'Start with a few seconds.',
  });
}
