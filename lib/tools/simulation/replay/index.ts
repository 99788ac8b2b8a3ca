export type { ReplayObjectives } from './objectives';
export type { AssumedCacheControl } from './origin';
export { replay } from './replay';
export type {
  KeySplitter,
  Objective,
  ReplayReport,
  ReplaySlice,
  Span,
  UnsafeMerge,
} from './report';
