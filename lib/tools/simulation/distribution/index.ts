export type {
  BehaviorModel,
  CachePolicyModel,
  CorsModel,
  DistributionModel,
  EdgeEvent,
  EdgeFunctionModel,
  OriginModel,
  ResponseHeadersModel,
  Selection,
} from './distribution';
export { readDistribution } from './read';
