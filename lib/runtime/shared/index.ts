export { type AwsKeys, defaultAwsCredentials, signedConnectRequest } from './aws-signature';
export { boundedKey, CacheKeyNames } from './key-names';
export { optionalPackage } from './optional-package';
export { wholeNumber } from './whole-number';
