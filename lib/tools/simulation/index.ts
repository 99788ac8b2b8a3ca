export { type DistributionModel, readDistribution } from './distribution';
export { emulator, emulatorServer, originClient } from './emulator';
export { edgeFunctionRunner } from './functions';
export { isLogFormat, LOG_FORMATS, type LogFormatName, logOf, openLog } from './logs';
export { MISS_REASONS, type MissReason } from './messages';
export { edgeLocation } from './path';
export {
  type AssumedCacheControl,
  type KeySplitter,
  type Objective,
  type ReplayObjectives,
  type ReplayReport,
  type ReplaySlice,
  replay,
  type Span,
  type UnsafeMerge,
} from './replay';
export { seededTrace } from './trace';
