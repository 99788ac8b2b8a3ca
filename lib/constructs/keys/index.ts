export { RegionKey, type RegionKeyProps } from './region-key';
export { SharedSecret, type SharedSecretProps, type SharedSecretRegion } from './shared-secret';
