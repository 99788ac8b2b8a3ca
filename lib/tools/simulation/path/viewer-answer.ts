/**
 * From what a cache has to what the viewer gets by the conditions of its own request: RFC 9110, 13
 * and 14, where CloudFront's documentation says nothing. The viewer's `Cache-Control` and `Pragma`
 * have no part in it, for CloudFront ignores them: "Use headers to control cache duration for
 * individual objects".
 */
import { dateOf, type Served } from '../engine';
import type { HeaderFields, HttpAnswer, HttpRequest } from '../messages';

/**
 * @param served where the answer came from, and how old it is: told in `Age`, unless it is new from
 * the origin
 */
export function viewerAnswer(
  request: HttpRequest,
  served: Pick<Served, 'answer' | 'servedBy' | 'ageSeconds'>,
): HttpAnswer {
  const isOld = served.servedBy !== 'origin' || served.ageSeconds > 0;
  const headers = isOld
    ? { ...served.answer.headers, age: [String(served.ageSeconds)] }
    : served.answer.headers;
  const answer = { ...served.answer, headers };
  const reads = request.method === 'GET' || request.method === 'HEAD';
  if (
    reads &&
    (answer.status === 200 || answer.status === 206) &&
    isUnchanged(request.headers, headers)
  )
    return notModified(answer);
  if (request.method === 'HEAD') return withoutBody(answer);
  return request.method === 'GET' && answer.status === 200
    ? ranged(request.headers, answer)
    : answer;
}

/**
 * `If-None-Match` counts alone where there is one, and compares weakly: RFC 9110, 13.1.2 and
 * 13.2.2.
 */
function isUnchanged(asked: HeaderFields, headers: HeaderFields): boolean {
  const tags = asked['if-none-match'];
  if (tags !== undefined) {
    const own = headers.etag?.[0];
    if (tags.some((field) => field.trim() === '*')) return true;
    return (
      own !== undefined &&
      tags
        .flatMap((field) => field.match(/(?:W\/)?"[^"]*"/g) ?? [])
        .some((tag) => weak(tag) === weak(own))
    );
  }
  const since = dateOf(asked['if-modified-since']);
  const modified = dateOf(headers['last-modified']);
  return since !== undefined && modified !== undefined && modified <= since;
}

function weak(tag: string): string {
  return tag.trim().replace(/^W\//, '');
}

/** Without what describes the body that is not there: RFC 9110, 15.4.5. */
function notModified(answer: HttpAnswer): HttpAnswer {
  const kept = Object.entries(answer.headers).filter(([name]) => !DESCRIBES_BODY.has(name));
  return { status: 304, headers: Object.fromEntries(kept), bodyBytes: 0 };
}

const DESCRIBES_BODY = new Set([
  'content-encoding',
  'content-language',
  'content-length',
  'content-range',
  'content-type',
]);

function withoutBody({ status, headers }: HttpAnswer): HttpAnswer {
  return { status, headers, bodyBytes: 0 };
}

/**
 * A range that CloudFront does not understand is answered with the whole object: "How CloudFront
 * processes partial requests for an object (range GETs)". Several ranges are too: a model of
 * `multipart/byteranges` would tell nothing more of caching.
 */
function ranged(asked: HeaderFields, answer: HttpAnswer): HttpAnswer {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(asked.range?.join(',').trim() ?? '') ?? [];
  if (
    first === undefined ||
    last === undefined ||
    first + last === '' ||
    !isInTime(asked['if-range']?.[0], answer.headers)
  )
    return answer;
  const length = answer.body?.byteLength ?? answer.bodyBytes;
  const start = first === '' ? Math.max(0, length - Number(last)) : Number(first);
  const end = first === '' || last === '' ? length - 1 : Math.min(Number(last), length - 1);
  if (first !== '' && last !== '' && Number(last) < Number(first)) return answer;
  if (start > end) {
    return {
      status: 416,
      headers: {
        ...answer.headers,
        'content-length': ['0'],
        'content-range': [`bytes */${length}`],
      },
      bodyBytes: 0,
    };
  }
  const bodyBytes = end - start + 1;
  const headers = {
    ...answer.headers,
    'content-length': [String(bodyBytes)],
    'content-range': [`bytes ${start}-${end}/${length}`],
  };
  return {
    status: 206,
    headers,
    bodyBytes,
    ...(answer.body && { body: answer.body.subarray(start, end + 1) }),
  };
}

/** `If-Range` compares strongly, and a date exactly: RFC 9110, 13.1.5. */
function isInTime(condition: string | undefined, headers: HeaderFields): boolean {
  if (condition === undefined) return true;
  if (condition.includes('"'))
    return !condition.startsWith('W/') && condition === headers.etag?.[0];
  return condition === headers['last-modified']?.[0] && dateOf([condition]) !== undefined;
}
