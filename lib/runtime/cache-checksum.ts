import * as zlib from 'node:zlib';

/** Node has it from 20.15 and 22.2 on; @types/node of an older release does not know it. */
const { crc32: native } = zlib as { readonly crc32?: (bytes: Uint8Array, initial: number) => number };

/** The CRC-32 of zlib, which finds every changed bit and every changed stretch of up to 32 bits. */
export const crc32: (bytes: Uint8Array, initial: number) => number = native ?? crc32ByTable;

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit++) remainder = remainder & 1 ? (remainder >>> 1) ^ 0xedb88320 : remainder >>> 1;
  return remainder;
});

/** The same number on Node 20.0 to 20.14, slower. */
export function crc32ByTable(bytes: Uint8Array, initial: number): number {
  let remainder = ~initial;
  for (const byte of bytes) remainder = (remainder >>> 8) ^ (TABLE[(remainder ^ byte) & 0xff] as number);
  return ~remainder >>> 0;
}
