export { invalidOption } from './invalid-option';
export { boundedKey, CacheKeyNames } from './key-names';
export { optionalPackage } from './optional-package';
export { type WholeNumberRule, wholeNumber } from './whole-number';
export { within } from './within';
