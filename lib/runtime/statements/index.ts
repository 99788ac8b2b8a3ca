export { keepsSessionState } from './session-state';
export {
  isClockText,
  type StatementAnalysis,
  StatementAnalyzer,
  type UncachedStatement,
} from './statement';
