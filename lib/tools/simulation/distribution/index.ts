export type {
  BehaviorModel,
  CachePolicyModel,
  CorsModel,
  DistributionModel,
  EdgeEvent,
  EdgeFunctionModel,
  OriginModel,
  ResponseHeadersModel,
} from './distribution';
export { readDistribution } from './read';
export { parameterName, type Selection, selects } from './selection';
