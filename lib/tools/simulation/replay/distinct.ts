/** Counts different texts without keeping them, exactly up to a limit and well beyond it. */
export interface DistinctCounter {
  add(hash: number): void;
  count(): number;
}

/**
 * Adaptive sampling: above the limit, only hashes that a power of two divides are kept, and stand
 * for as many. Flajolet, "On adaptive sampling", Computing 1990: the standard error is 1.2 divided
 * by the root of the limit.
 */
export function distinctCounter(limit: number): DistinctCounter {
  let kept = new Set<number>();
  let divisor = 1;
  return {
    add(hash) {
      if (hash % divisor !== 0) return;
      kept.add(hash);
      while (kept.size > limit) {
        divisor *= 2;
        kept = new Set([...kept].filter((each) => each % divisor === 0));
      }
    },
    count: () => kept.size * divisor,
  };
}

/** 53 bits, so that among a million texts two share one with a chance of one to 18,000. */
export function textHash(text: string): number {
  let low = 0x811c9dc5;
  let high = 0x9747b28c;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    low = Math.imul(low ^ code, 0x01000193);
    high = Math.imul(high ^ code, 0x5bd1e995);
    high ^= high >>> 15;
  }
  return (mixed(high) >>> 11) * 2 ** 32 + mixed(low ^ high);
}

/** Spreads what differs in few bits over all of them. */
function mixed(bits: number): number {
  const once = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  const twice = Math.imul(once ^ (once >>> 13), 0xc2b2ae35);
  return (twice ^ (twice >>> 16)) >>> 0;
}
