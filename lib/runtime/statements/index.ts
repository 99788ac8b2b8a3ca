export { isClockText } from './clock-text';
export { analysisOf, type StatementAnalysis, type UncachedStatement } from './statement';
