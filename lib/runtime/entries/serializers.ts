import type { Packr } from 'msgpackr';
import { decodeValue } from './decoder';
import { type EncodedValue, encodeValue, type TypeAnnotation } from './encoder';
import { checkMessagePack } from './messagepack-check';
import { JSON_TYPES, MAX_DEPTH, MSGPACK_TYPES, PlainValues } from './plain-values';

/** The most levels of what is stored: an encoded value is one level below its annotations. */
const MAX_LEVELS = MAX_DEPTH + 1;

/** Text, and whether it is an encoded value with annotations rather than the value alone. */
export interface JsonText {
  readonly text: string;
  readonly encoded: boolean;
}

/** Serializes values as JSON. Values that JSON does not keep are encoded, and annotated. */
export class JsonSerializer {
  readonly #plain: PlainValues;

  constructor(private readonly maxObjects: number) {
    this.#plain = new PlainValues(JSON_TYPES, maxObjects);
  }

  /** @throws UnencodableValueError */
  encode(value: unknown): JsonText {
    if (this.#plain.includes(value)) return { text: JSON.stringify(value), encoded: false };
    const { tree, annotations } = encodeValue(value, JSON_TYPES, this.maxObjects);
    return { text: JSON.stringify([tree, annotations]), encoded: true };
  }

  /** @throws SyntaxError, TypeError or RangeError for text that `encode` did not write */
  decode(text: string, encoded: boolean): unknown {
    const parsed: unknown = JSON.parse(text);
    checkDepth(parsed, text.length);
    return encoded ? decodeValue(encodedValue(parsed), this.maxObjects) : parsed;
  }
}

/** Bytes, and whether they are an encoded value with annotations rather than the value alone. */
export interface MessagePackBytes {
  readonly bytes: Buffer;
  readonly encoded: boolean;
}

/**
 * Serializes values as standard MessagePack, without msgpackr's record extension: any language can
 * read it.
 */
export class MessagePackSerializer {
  readonly #plain: PlainValues;
  readonly #packr: Packr;

  /** @throws IsochroneError if the package `msgpackr` is not installed */
  constructor(private readonly maxObjects: number) {
    this.#plain = new PlainValues(MSGPACK_TYPES, maxObjects);
    this.#packr = new (msgpackr().Packr)({
      useRecords: false,
      variableMapSize: true,
      mapsAsObjects: true,
      // A view would keep the bytes read from the server alive as long as the value.
      copyBuffers: true,
    });
  }

  /** @throws UnencodableValueError */
  encode(value: unknown): MessagePackBytes {
    if (this.#plain.includes(value)) return { bytes: this.#packr.pack(value), encoded: false };
    const { tree, annotations } = encodeValue(value, MSGPACK_TYPES, this.maxObjects);
    return { bytes: this.#packr.pack([tree, annotations]), encoded: true };
  }

  /** @throws Error for bytes that `encode` did not write */
  decode(bytes: Buffer, encoded: boolean): unknown {
    checkMessagePack(bytes, MAX_LEVELS);
    const unpacked: unknown = this.#packr.unpack(bytes);
    return encoded ? decodeValue(encodedValue(unpacked), this.maxObjects) : unpacked;
  }
}

/**
 * Refuses JSON that is nested too deeply for the recursive walks of a value. A level takes at least
 * two characters, so that short text needs no walk.
 *
 * @throws RangeError
 */
function checkDepth(value: unknown, characters: number, levels = MAX_LEVELS): void {
  if (characters <= 2 * levels || typeof value !== 'object' || value === null) return;
  if (levels === 0) throw new RangeError(`more than ${MAX_LEVELS} levels`);
  if (Array.isArray(value)) {
    for (const item of value) checkDepth(item, characters, levels - 1);
  } else {
    for (const key in value)
      checkDepth((value as Readonly<Record<string, unknown>>)[key], characters, levels - 1);
  }
}

/** Checks the pair that both serializers write for an encoded value. */
function encodedValue(pair: unknown): EncodedValue {
  if (!Array.isArray(pair) || pair.length !== 2 || !Array.isArray(pair[1]))
    throw new TypeError('a tree and its annotations expected');
  return { tree: pair[0], annotations: pair[1] as TypeAnnotation[] };
}

/** Loads msgpackr on first use: a service that caches only JSON does not need it. */
function msgpackr(): typeof import('msgpackr') {
  return require('msgpackr');
}
