export { boundedKey, CacheKeyNames } from './key-names';
export { optionalPackage } from './optional-package';
export { within } from './within';
