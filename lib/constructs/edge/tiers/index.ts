export {
  CachePolicies,
  type CachePoliciesProps,
  IMAGE_FORMAT_HEADER,
  LANGUAGE_HEADER,
} from './cache-policies';
export {
  CacheTier,
  type CacheTierOptions,
  type ContinentTtl,
  DEFAULT_DENIED_QUERY,
  type QueryInKey,
} from './cache-tier';
