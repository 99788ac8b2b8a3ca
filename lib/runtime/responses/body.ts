/** A stored response body: compressed once, and sent in the coding that each client accepts. */
import { promisify } from 'node:util';
import { brotliCompress, constants, gunzip, gzip } from 'node:zlib';
import type { ContentCoding } from './negotiation';

const compressBrotli = promisify(brotliCompress);
const compressGzip = promisify(gzip);
const decompressGzip = promisify(gunzip);

/**
 * For 118 KB of JSON, quality 5 leaves 14.2 % in 1.5 ms; 4 leaves 15.6 % in 0.8 ms, 9 13.9 % in 13
 * ms, 11 10.6 % in 126 ms. (Node 20, one core of a shared machine; docs/runtime/responses.md.)
 */
const BROTLI_QUALITY = 5;

/**
 * For the same JSON, level 6 leaves 15.0 % in 1.6 ms; 4 leaves 16.5 % in 0.7 ms, 9 14.4 % in 6.4
 * ms.
 */
const GZIP_LEVEL = 6;

/**
 * Either `identity`, or the two compressed forms. Few clients accept neither, and decompressing
 * gzip for them takes a tenth of the time of compressing it. Storing no `identity` beside the
 * compressed forms keeps the entry smaller than the original.
 */
export interface StoredBody {
  /** Length before compression, in bytes. */
  readonly length: number;
  readonly identity?: Uint8Array;
  readonly br?: Uint8Array;
  readonly gzip?: Uint8Array;
}

/**
 * Text types and others that compress as well. Images (except SVG), video, archives and WOFF fonts
 * are compressed already.
 */
const COMPRESSIBLE = new RegExp(
  [
    '^(?:text/',
    '|application/(?:json|javascript|ecmascript|xml|wasm|x-ndjson|manifest\\+json|rtf|sql|graphql',
    '|yaml|x-yaml|toml|msgpack|x-protobuf|vnd\\.ms-fontobject)\\b',
    '|(?:application|image|model|message|multipart)/[\\w.-]+\\+(?:json|xml|text|yaml)\\b',
    '|image/(?:bmp|x-icon|vnd\\.microsoft\\.icon)\\b',
    '|font/(?:ttf|otf|collection)\\b)',
  ].join(''),
  'i',
);

/** Whether bodies of a content type become smaller by compression. */
export function isCompressible(contentType: string): boolean {
  return COMPRESSIBLE.test(contentType.trim());
}

/** Converts a body to its stored form. Compression runs on the thread pool. */
export async function storeBody(body: Buffer, compress: boolean): Promise<StoredBody> {
  const plain = { length: body.length, identity: body };
  if (!compress) return plain;
  const [br, gzipped] = await Promise.all([
    compressBrotli(body, {
      params: {
        [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY,
        [constants.BROTLI_PARAM_SIZE_HINT]: body.length,
      },
    }),
    compressGzip(body, { level: GZIP_LEVEL }),
  ]);
  return br.length < body.length && gzipped.length < body.length
    ? { length: body.length, br, gzip: gzipped }
    : plain;
}

/** The compressed forms of a body, the smaller one first. */
export function codingsOf(body: StoredBody): readonly ContentCoding[] {
  return body.identity === undefined ? ['br', 'gzip'] : [];
}

/** @throws Error if the stored bytes are damaged */
export async function bodyIn(coding: ContentCoding, body: StoredBody): Promise<Buffer> {
  if (coding === 'br' || coding === 'gzip') return asBuffer(body[coding]);
  return body.identity === undefined
    ? decompressGzip(asBuffer(body.gzip), { maxOutputLength: Math.max(1, body.length) })
    : asBuffer(body.identity);
}

function asBuffer(bytes: Uint8Array | undefined): Buffer {
  if (bytes === undefined) throw new TypeError('The stored response lacks this coding.');
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
