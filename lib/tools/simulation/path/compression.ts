/**
 * CloudFront's compression of responses: "Serving compressed files", Amazon CloudFront developer
 * guide.
 */
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import type { BehaviorModel } from '../distribution';
import type { HttpRequest, HttpResponse } from '../messages';
import { normalizedAcceptEncoding } from './accept-encoding';

/** Bytes according to the origin's `Content-Length`. */
const SIZE = { min: 1_000, max: 10_000_000 };

const STATUSES = [200, 403, 404];

/** "File types that CloudFront compresses". */
const TYPES = new Set(
  `
  application/dash+xml application/eot application/font application/font-sfnt
  application/javascript application/json application/opentype application/otf
  application/pdf application/pkcs7-mime application/protobuf application/rss+xml
  application/truetype application/ttf application/vnd.apple.mpegurl
  application/vnd.mapbox-vector-tile application/vnd.ms-fontobject application/wasm
  application/xhtml+xml application/xml application/x-font-opentype
  application/x-font-truetype application/x-font-ttf application/x-httpd-cgi
  application/x-javascript application/x-mpegurl application/x-opentype application/x-otf
  application/x-perl application/x-ttf font/eot font/opentype font/otf font/ttf
  image/svg+xml text/css text/csv text/html text/javascript text/js text/plain text/richtext
  text/tab-separated-values text/x-component text/x-java-source text/x-script text/xml
  vnd.apple.mpegurl
  `
    .trim()
    .split(/\s+/),
);

/** The emulator favors speed over size. */
const BROTLI_QUALITY = 4;

/**
 * Compresses a response if CloudFront would.
 *
 * @returns the same response if it must not be compressed for this request
 */
export function compressed(
  behavior: BehaviorModel,
  { headers: requestHeaders }: HttpRequest,
  response: HttpResponse,
): HttpResponse {
  const { status, headers, body } = response;
  const accepted = behavior.compress
    ? normalizedAcceptEncoding(requestHeaders['accept-encoding'], behavior.cachePolicy)
    : undefined;
  const type = headers['content-type']?.[0]?.split(';')[0]?.trim().toLowerCase() ?? '';
  const length = Number(headers['content-length']?.[0]);
  if (
    accepted === undefined ||
    !body ||
    !STATUSES.includes(status) ||
    headers['content-encoding'] ||
    !TYPES.has(type)
  )
    return response;
  if (!(length >= SIZE.min && length <= SIZE.max)) return response;
  const isBrotli = accepted.includes('br');
  const small = isBrotli
    ? brotliCompressSync(body, { params: { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY } })
    : gzipSync(body);
  const etag = headers.etag?.[0];
  return {
    status,
    headers: {
      ...headers,
      'content-encoding': [isBrotli ? 'br' : 'gzip'],
      'content-length': [String(small.length)],
      vary: [...new Set([...(headers.vary ?? []), 'Accept-Encoding'])],
      // A strong entity tag becomes weak: "ETag header conversion".
      ...(etag !== undefined && { etag: [etag.startsWith('"') ? `W/${etag}` : etag] }),
    },
    bodyBytes: small.length,
    body: small,
  };
}
