/** Hashes of texts. They are not cryptographic. */

/** FNV-1a by Fowler, Noll and Vo: an integer from 0 to 2^32 - 1. */
export function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/**
 * A hash of 53 bits, which a number holds exactly. Among a million texts, the probability that two
 * have the same hash is 1 in 18,000.
 */
export function hash53(text: string): number {
  let low = 0x811c9dc5;
  let high = 0x9747b28c;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    low = Math.imul(low ^ code, 0x01000193);
    high = Math.imul(high ^ code, 0x5bd1e995);
    high ^= high >>> 15;
  }
  return (avalanche(high) >>> 11) * 2 ** 32 + avalanche(low ^ high);
}

/** Spreads a difference in a few bits over all 32: the finalizer of MurmurHash3. */
function avalanche(bits: number): number {
  const once = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  const twice = Math.imul(once ^ (once >>> 13), 0xc2b2ae35);
  return (twice ^ (twice >>> 16)) >>> 0;
}
