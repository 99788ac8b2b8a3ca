export { type AwsKeys, connectRequestSigner } from './aws-signature';
export { Deadlines, Wait } from './deadlines';
export { CacheKeyNames, isOwnName, isShortenedKey, shortenKey } from './key-names';
export { isWellFormed, type KeyPartRule, keyPart, keyText, keyTexts } from './key-part';
export { addWaiter, type Load, newLoad, runLoader, waitingLoad } from './load-circle';
export { lruCache } from './lru-cache';
export { optionalPackage } from './optional-package';
export { type WholeNumberRule, wholeNumber } from './whole-number';
