export { CacheCodec } from './codec';
export {
  type CacheEntry,
  CorruptEntryError,
  type CorruptionReason,
  UnencodableValueError,
} from './entry';
