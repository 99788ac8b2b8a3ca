export { ConnectionPooler } from './connection-pooler';
export type { ConnectionPoolerProps } from './props';
