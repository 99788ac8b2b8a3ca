export type { IReaderInstances } from './instances';
export { ReaderEndpoint, type ReaderEndpointProps } from './reader-endpoint';
