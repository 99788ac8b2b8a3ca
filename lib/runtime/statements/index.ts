export { QueryReadings } from './readings';
export { isClockText, type QueryReading, type UncachedStatement } from './statement';
