import type { Packr } from 'msgpackr';
import { IsochroneError } from '../../model/errors';
import { lower } from './lowered-values';
import { MSGPACK_VALUES, PlainValues } from './plain-values';
import { restore } from './restored-values';
import { loweredValue } from './serializer-json';

/**
 * Bytes, and whether they are a lowered value with its restorations rather than the value alone.
 */
export interface MessagePackBytes {
  readonly bytes: Buffer;
  readonly lowered: boolean;
}

/** Values as MessagePack of the standard, without msgpackr's records: any language reads it. */
export class MessagePackSerializer {
  readonly #plain: PlainValues;
  readonly #packr: Packr;

  /** @throws IsochroneError where the package `msgpackr` is not installed */
  constructor(private readonly maxObjects: number) {
    this.#plain = new PlainValues(MSGPACK_VALUES, maxObjects);
    // Bytes are copied out: a view would keep what was read from the server alive as long as the
    // value.
    this.#packr = new (msgpackr().Packr)({
      useRecords: false,
      variableMapSize: true,
      mapsAsObjects: true,
      copyBuffers: true,
    });
  }

  /** @throws UnencodableValueError */
  encode(value: unknown): MessagePackBytes {
    if (this.#plain.includes(value)) return { bytes: this.#packr.pack(value), lowered: false };
    const { tree, restorations } = lower(value, MSGPACK_VALUES, this.maxObjects);
    return { bytes: this.#packr.pack([tree, restorations]), lowered: true };
  }

  /** @throws Error for bytes that `encode` did not write */
  decode(bytes: Buffer, lowered: boolean): unknown {
    const unpacked: unknown = this.#packr.unpack(bytes);
    return lowered ? restore(loweredValue(unpacked)) : unpacked;
  }
}

/** Late, so that a service which keeps JSON only needs no msgpackr. */
function msgpackr(): typeof import('msgpackr') {
  try {
    return require('msgpackr') as typeof import('msgpackr');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'MODULE_NOT_FOUND') throw error;
    throw new IsochroneError(
      "CacheCodec: the package msgpackr must be installed for serializer 'msgpack', got none.\n" +
        "It is an optional peer of isochrone. Run `npm install msgpackr@2`, or choose serializer 'json'.",
    );
  }
}
