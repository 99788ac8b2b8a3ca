export { dateOf } from './cache-control';
export { isCacheable } from './caching-rules';
export { CacheEngine, type Fetch, type KeyedRequest, type Served, type Validators } from './engine';
