/** Loads lru-cache on first use: a process that caches nothing in memory does not need it. */
export function lruCache(): typeof import('lru-cache') {
  return require('lru-cache');
}
