export { cacheBenchmark } from './benchmark';
