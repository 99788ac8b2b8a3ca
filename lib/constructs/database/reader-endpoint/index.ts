export {
  ReaderEndpoint,
  type ReaderEndpointAttributes,
  type ReaderEndpointProps,
} from './reader-endpoint';
