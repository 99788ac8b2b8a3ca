export { CacheCodec } from './codec';
export {
  type CacheEntry,
  CorruptEntryError,
  type CorruptionReason,
  type DecodedEntry,
  type Lifetime,
  UnencodableValueError,
} from './entry';
