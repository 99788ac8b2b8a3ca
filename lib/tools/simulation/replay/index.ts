export type { AssumedCacheControl } from './origin';
export { replay } from './replay';
export type {
  KeySplitter,
  Objective,
  ReplayObjectives,
  ReplayReport,
  ReplaySlice,
  Span,
  UnsafeMerge,
} from './report';
