export { type SeededTraceOptions, seededTrace } from './trace';
