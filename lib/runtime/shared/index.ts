export { invalidOption } from './invalid-option';
export { CacheKeyNames, shortenKey } from './key-names';
export { optionalPackage } from './optional-package';
export { type WholeNumberRule, wholeNumber } from './whole-number';
