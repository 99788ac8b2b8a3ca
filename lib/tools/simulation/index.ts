export {
  type ConfinedReplayOptions,
  DEFAULT_MEMORY_BYTES,
  DEFAULT_REPLAY_MINUTES,
  EdgeCodeStopped,
  type Limits,
  MIN_MEMORY_BYTES,
  replay,
  startEmulator,
} from './confined';
export { type DistributionModel, readDistribution } from './distribution';
export { isLogFormat, LOG_FORMATS, type LogFormatName } from './logs';
export { MISS_REASONS, type MissReason } from './messages';
export { edgeLocation } from './path';
export type {
  AssumedCacheControl,
  KeySplitter,
  Objective,
  ReplayObjectives,
  ReplayReport,
  ReplaySlice,
  Span,
  UnsafeMerge,
} from './replay';
export { seededTrace } from './trace';
