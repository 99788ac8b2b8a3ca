export { isLogFormat, LOG_FORMATS, type LogFormatName } from './formats';
export { openDescriptor } from './lines';
export { ORDER_BUFFER } from './order';
export { type Log, type LogSummary, logOf, openLog } from './reader';
export type { LogRecord } from './record';
