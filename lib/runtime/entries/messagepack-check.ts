/**
 * Checks MessagePack before msgpackr reads it. msgpackr allocates and loops as many times as a
 * length in the bytes says, so that a few bytes can take seconds; it calls itself for each level,
 * and it decodes extensions of its own, such as references, that our entries never contain.
 *
 * Every item takes at least one byte, so lengths are bounded by the bytes that are left.
 * https://github.com/msgpack/msgpack/blob/master/spec.md lists the formats.
 *
 * @throws RangeError for bytes that are incomplete, nested too deeply, or that claim more items than
 * there are bytes
 * @throws TypeError for extensions other than those that our values have
 */
export function checkMessagePack(bytes: Buffer, maxLevels: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  /** The items that are left in each container around the current item. */
  const left: number[] = [];
  let items = 1;
  let at = 0;
  const enter = (count: number): void => {
    if (count > bytes.length - at) throw new RangeError(`${count} items in too few bytes`);
    if (count === 0) return;
    if (left.length >= maxLevels) throw new RangeError(`more than ${maxLevels} levels`);
    left.push(items);
    items = count;
  };
  for (;;) {
    while (items === 0) {
      if (left.length === 0) {
        if (at !== bytes.length) throw new RangeError('bytes after the value');
        return;
      }
      items = left.pop() as number;
    }
    items--;
    const format = view.getUint8(at++);
    if (format <= 0x7f || format >= 0xe0) continue;
    if (format <= 0x8f) enter(2 * (format & 0x0f));
    else if (format <= 0x9f) enter(format & 0x0f);
    else if (format <= 0xbf) at += format & 0x1f;
    else {
      switch (format) {
        case NIL:
        case FALSE:
        case TRUE:
          break;
        case BIN_8:
        case STR_8:
          at += 1 + view.getUint8(at);
          break;
        case BIN_16:
        case STR_16:
          at += 2 + view.getUint16(at);
          break;
        case BIN_32:
        case STR_32:
          at += 4 + view.getUint32(at);
          break;
        case ARRAY_16:
          at += 2;
          enter(view.getUint16(at - 2));
          break;
        case ARRAY_32:
          at += 4;
          enter(view.getUint32(at - 4));
          break;
        case MAP_16:
          at += 2;
          enter(2 * view.getUint16(at - 2));
          break;
        case MAP_32:
          at += 4;
          enter(2 * view.getUint32(at - 4));
          break;
        default:
          at += fixedBytes(view, format, at);
      }
    }
    if (at > bytes.length) throw new RangeError('a value that is incomplete');
  }
}

const NIL = 0xc0;
const FALSE = 0xc2;
const TRUE = 0xc3;
const BIN_8 = 0xc4;
const BIN_16 = 0xc5;
const BIN_32 = 0xc6;
const EXT_8 = 0xc7;
const FLOAT_32 = 0xca;
const INT_64 = 0xd3;
const FIXEXT_1 = 0xd4;
const FIXEXT_4 = 0xd6;
const FIXEXT_8 = 0xd7;
const STR_8 = 0xd9;
const STR_16 = 0xda;
const STR_32 = 0xdb;
const ARRAY_16 = 0xdc;
const ARRAY_32 = 0xdd;
const MAP_16 = 0xde;
const MAP_32 = 0xdf;

/** The sizes of the numbers from FLOAT_32 to INT_64. */
const NUMBER_BYTES = [4, 8, 1, 2, 4, 8, 1, 2, 4, 8];

/** The bytes that follow the format of a number, of `undefined` or of a date. */
function fixedBytes(view: DataView, format: number, at: number): number {
  if (format >= FLOAT_32 && format <= INT_64) return NUMBER_BYTES[format - FLOAT_32] as number;
  // msgpackr writes undefined as the extension 0, and dates as timestamps, the extension -1. An
  // invalid date has one byte.
  if (format === FIXEXT_1 && (view.getInt8(at) === 0 || view.getInt8(at) === -1)) return 2;
  if (format === FIXEXT_4 && view.getInt8(at) === -1) return 5;
  if (format === FIXEXT_8 && view.getInt8(at) === -1) return 9;
  if (format === EXT_8 && view.getUint8(at) === 12 && view.getInt8(at + 1) === -1) return 14;
  throw new TypeError(`the format ${format}, which no entry has`);
}
