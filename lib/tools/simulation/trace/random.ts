/** Seeded random numbers: the same sequence in every process and on every machine. */

/** Returns a number from 0 up to, but excluding, 1. */
export type Random = () => number;

/**
 * mulberry32 by Tommy Ettinger, in the public domain. Its 32 bits of state are enough for a log of
 * some thousand lines.
 */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Chooses an item with a probability proportional to its weight. */
export function weighted<Item>(
  random: Random,
  items: readonly (readonly [item: Item, weight: number])[],
): Item {
  let rest = random() * items.reduce((sum, [, weight]) => sum + weight, 0);
  for (const [item, weight] of items) {
    rest -= weight;
    if (rest < 0) return item;
  }
  return (items.at(-1) as readonly [Item, number])[0];
}

/**
 * Draws ranks from 0 to `size` - 1 by Zipf's law: rank r has the weight 1 / (r + 1)^exponent.
 * Requests to web sites follow it with an exponent of 0.64 to 0.83: "Web Caching and Zipf-like
 * Distributions: Evidence and Implications", Breslau and others, INFOCOM 1999.
 */
export function zipf(size: number, exponent = 0.8): (random: Random) => number {
  let sum = 0;
  const sums = Array.from({ length: size }, (_, rank) => (sum += (rank + 1) ** -exponent));
  return (random) => {
    const wanted = random() * sum;
    let [low, high] = [0, size - 1];
    while (low < high) {
      const between = (low + high) >> 1;
      if ((sums[between] as number) > wanted) high = between;
      else low = between + 1;
    }
    return low;
  };
}
