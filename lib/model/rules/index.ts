export * from './cloudfront';
export { brokenRule, isWholeNumber, type Rule } from './rule';
