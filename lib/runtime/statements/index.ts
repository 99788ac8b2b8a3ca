export {
  isClockText,
  type StatementAnalysis,
  StatementAnalyzer,
  type UncachedStatement,
} from './statement';
