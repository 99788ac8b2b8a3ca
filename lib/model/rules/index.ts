export * from './elasticache';
export * from './fleet';
export * from './regions';
export { brokenRule, isWholeNumber, type Rule, unlike } from './rule';
