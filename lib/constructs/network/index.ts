export type { IRegionNetwork, RegionNetworkAttributes } from './interfaces';
export { RegionNetwork, type RegionNetworkProps } from './region-network';
