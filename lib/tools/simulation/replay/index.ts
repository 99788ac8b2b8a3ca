export { type AssumedCacheControl, originRecords } from './origin';
export { type ReplayOptions, replay } from './replay';
export type {
  KeySplitter,
  Objective,
  ReplayObjectives,
  ReplayReport,
  ReplaySlice,
  Span,
  UnsafeMerge,
} from './report';
