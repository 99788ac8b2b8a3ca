export {
  ConnectionPooler,
  type ConnectionPoolerAttributes,
  type ConnectionPoolerProps,
} from './connection-pooler';
