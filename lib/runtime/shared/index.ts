export { type AwsKeys, connectRequestSigner } from './aws-signature';
export { Deadlines, type Wait } from './deadlines';
export { CacheKeyNames, shortenKey } from './key-names';
export { isWellFormed, type KeyPartRule, keyPart } from './key-part';
export { lruCache } from './lru-cache';
export { optionalPackage } from './optional-package';
export { type WholeNumberRule, wholeNumber } from './whole-number';
