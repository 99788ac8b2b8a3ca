export { type AwsKeys, connectRequestSigner } from './aws-signature';
export { CacheKeyNames, shortenKey } from './key-names';
export { optionalPackage } from './optional-package';
export { type WholeNumberRule, wholeNumber } from './whole-number';
