export { RegionNetwork, type RegionNetworkProps } from './region-network';
