export { dateOf } from './cache-control';
export { isCacheable } from './caching-rules';
export {
  CacheEngine,
  type Fetch,
  type KeyedRequest,
  type ServedResponse,
  type Validators,
} from './engine';
