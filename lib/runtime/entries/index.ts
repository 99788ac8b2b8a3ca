export { CacheCodec } from './codec';
export {
  type CacheEntry,
  CorruptEntryError,
  type CorruptionReason,
  type Lifetime,
  UnencodableValueError,
} from './entry';
