export { cacheProblems } from './cache';
export { databaseProblems } from './database';
export { edgeProblems } from './edge';
export { regionProblems } from './regions';
export { runtimeProblems } from './runtime';
