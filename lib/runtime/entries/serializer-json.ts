import type { LoweredValue, Restoration } from './lowered-values';
import { lower } from './lowered-values';
import { JSON_VALUES, PlainValues } from './plain-values';
import { restore } from './restored-values';

/** Text, and whether it is a lowered value with its restorations rather than the value alone. */
export interface JsonText {
  readonly text: string;
  readonly lowered: boolean;
}

/**
 * Values as JSON. What JSON has no word for is written in its terms, with a list of what to
 * restore.
 */
export class JsonSerializer {
  readonly #plain: PlainValues;

  constructor(private readonly maxObjects: number) {
    this.#plain = new PlainValues(JSON_VALUES, maxObjects);
  }

  /** @throws UnencodableValueError */
  encode(value: unknown): JsonText {
    if (this.#plain.includes(value)) return { text: JSON.stringify(value), lowered: false };
    const { tree, restorations } = lower(value, JSON_VALUES, this.maxObjects);
    return { text: JSON.stringify([tree, restorations]), lowered: true };
  }

  /** @throws SyntaxError, TypeError or RangeError for text that `encode` did not write */
  decode(text: string, lowered: boolean): unknown {
    const parsed: unknown = JSON.parse(text);
    return lowered ? restore(loweredValue(parsed)) : parsed;
  }
}

/** The pair that both serializers write for a lowered value. */
export function loweredValue(pair: unknown): LoweredValue {
  if (!Array.isArray(pair) || pair.length !== 2 || !Array.isArray(pair[1]))
    throw new TypeError('a tree and its restorations expected');
  return { tree: pair[0], restorations: pair[1] as Restoration[] };
}
