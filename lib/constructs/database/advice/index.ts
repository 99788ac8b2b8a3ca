export { QueryAdvice, type QueryAdviceMetric, type QueryAdviceProps } from './query-advice';
