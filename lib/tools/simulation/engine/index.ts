export { dateOf } from './cache-control';
export {
  CacheEngine,
  type Fetch,
  isCacheable,
  type KeyedRequest,
  type ServedResponse,
  type Validators,
} from './engine';
